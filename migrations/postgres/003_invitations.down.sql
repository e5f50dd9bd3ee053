-- loses data when: SELECT EXISTS (SELECT FROM invitations)
DROP TABLE invitations;
