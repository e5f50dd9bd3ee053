//! Message of the database within an error, for programs that print one.

use std::error::Error;

use sqlx::postgres::PgDatabaseError;

/// Message of the database with the next step, if `cause` is an error that the database has sent. The driver's text adds the line in
/// the source of PostgreSQL where the error arose.
#[must_use]
pub fn database_message(cause: &(dyn Error + 'static)) -> Option<String> {
    let sent = match cause.downcast_ref::<sqlx::Error>() {
        Some(error) => error.as_database_error()?.try_downcast_ref::<PgDatabaseError>(),
        None => cause.downcast_ref::<PgDatabaseError>(),
    }?;
    let message = sent.message();
    Some(match sent.code() {
        "3D000" => format!("{message}: create it with createdb, or name another one"),
        _ => message.to_owned(),
    })
}
