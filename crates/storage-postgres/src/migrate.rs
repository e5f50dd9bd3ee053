//! Migrations: the history of the schema, embedded, with the bookkeeping of storage §2.2.
