//! Reading and writing the membership log.

use anyhow::{Context as _, bail};
use less_sync_client::AppendKind;
use less_sync_client::sharing::{Act, Roster, seal_entry};
use less_sync_core::ErrorCode;

use super::room::Room;
use crate::shared::explain;

/// Attempts to append, should others do so at the same time.
const ATTEMPTS: usize = 10;

/// Everybody in the space, as far as the log says.
pub(super) async fn roster(room: &Room) -> anyhow::Result<Roster> {
    let membership = room.shared.membership();
    let log = room.connection.membership_log(membership.access()).await;
    Ok(Roster::read(&log.context("cannot read the membership log")?, membership))
}

/// Appends what `act` makes of the log as it is then; nothing, if that is nothing.
pub(super) async fn append(
    room: &Room,
    kind: Option<AppendKind>,
    act: impl Fn(&Roster) -> Option<Act>,
) -> anyhow::Result<()> {
    let membership = room.shared.membership();
    let access = membership.access();
    let key = membership.keys.newest().context("there is no key for this space")?;
    for _ in 0..ATTEMPTS {
        let log = room.connection.membership_log(access).await.context("cannot read the membership log")?;
        let Some(act) = act(&Roster::read(&log, membership)) else { return Ok(()) };
        let payload = seal_entry(&room.shared.identity, &membership.ucan.0, key, &log.head, act);
        match room.connection.append_membership(access, &log.head, &payload, kind).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is(ErrorCode::Conflict) => {}
            Err(error) => return Err(explain(error, "cannot write to the membership log")),
        }
    }
    bail!("others are changing the members at the same time: try again")
}
