-- loses data when: SELECT EXISTS (SELECT FROM revocations)
DROP TABLE revocations;
