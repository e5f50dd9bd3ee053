-- loses data when: SELECT EXISTS (SELECT FROM issuer_bindings)
DROP TABLE issuer_bindings;
