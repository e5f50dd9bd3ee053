-- loses data when: SELECT EXISTS (SELECT FROM epoch_keys)
DROP TABLE epoch_keys;
