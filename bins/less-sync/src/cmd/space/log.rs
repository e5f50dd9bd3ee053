//! Membership log: roster of the members, and appends with optimistic concurrency.

use anyhow::{Context as _, bail};
use less_sync_client::AppendKind;
use less_sync_client::crypto::SpaceKey;
use less_sync_client::sharing::{Act, Roster, seal_entry};
use less_sync_core::ErrorCode;

use super::session::SpaceSession;
use crate::shared_space::explain;

/// Maximum attempts to append while others append concurrently.
const ATTEMPTS: usize = 10;

/// Members of the space by its log.
pub(super) async fn roster(session: &SpaceSession) -> anyhow::Result<Roster> {
    let membership = session.shared.membership();
    let log = session.connection.membership_log(membership.access()).await;
    Ok(Roster::read(&log.context("cannot read the membership log")?, membership))
}

/// Appends the entry that `act` derives from the current log; appends nothing for `None`. After a conflict the entry is
/// derived anew.
pub(super) async fn append(
    session: &SpaceSession,
    kind: Option<AppendKind>,
    act: impl Fn(&Roster) -> Option<Act>,
) -> anyhow::Result<()> {
    let key = session.shared.membership().keys.newest().context("there is no key for this space")?;
    append_under(session, key, kind, act).await
}

/// As [`append`], encrypted under this key.
pub(super) async fn append_under(
    session: &SpaceSession,
    key: &SpaceKey,
    kind: Option<AppendKind>,
    act: impl Fn(&Roster) -> Option<Act>,
) -> anyhow::Result<()> {
    let membership = session.shared.membership();
    let access = membership.access();
    for _ in 0..ATTEMPTS {
        let log =
            session.connection.membership_log(access).await.context("cannot read the membership log")?;
        let Some(act) = act(&Roster::read(&log, membership)) else { return Ok(()) };
        let payload = seal_entry(&session.shared.identity, &membership.ucan.0, key, &log.head, act);
        match session.connection.append_membership(access, &log.head, &payload, kind).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is(ErrorCode::Conflict) => {}
            Err(error) => return Err(explain(error, "cannot write to the membership log")),
        }
    }
    bail!("the membership log is changed concurrently: try again")
}
