//! `less-sync space invite`

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use less_sync_client::crypto::SpaceKey;
use less_sync_client::sharing::{Act, Address, Admission, Offer};
use less_sync_core::{InvitationId, Permission, Timestamp};

use super::log;
use super::rotation::list_members;
use super::session::{SpaceSelector, SpaceSession, parse_permission, permission_name};
use crate::clock;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message};
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "`less-sync identity` prints the address of a user, `less-sync identity --at SERVER` the one for users of other servers. An invitation expires after seven days."
)]
pub(crate) struct Arguments {
    /// Address of the user to invite
    address: Address,
    #[command(flatten)]
    session: SpaceSelector,
    /// Permission: read, write, or admin (write, invite and remove members)
    #[arg(long = "as", value_name = "RIGHT", default_value = "write", value_parser = parse_permission)]
    permission: Permission,
    /// Validity of the rights, in days
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
    /// Name of the member until they choose one
    #[arg(long, default_value = "")]
    name: String,
}

/// Issues rights, and sends them with the key in an invitation that only the invitee can decrypt.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut session = SpaceSession::open(target, &arguments.session).await?;
    let invited = invite(&mut session, arguments).await;
    let line = session.close(invited).await?;
    Output::new(json).write(&line).context("cannot write the result")?;
    message("invited; the invitation is accepted with: less-sync space accept");
    Ok(())
}

async fn invite(session: &mut SpaceSession, arguments: &Arguments) -> anyhow::Result<Fields> {
    let Arguments { address, permission, .. } = arguments;
    let state = session.shared.state(&session.connection).await?;
    if state.rewrap_epoch.is_some() {
        bail!("a key rotation is in progress: complete it with less-sync space rotate, then invite again");
    }
    session.shared.catch_up(&session.connection).await?;
    let membership = session.shared.membership();
    let own = membership.verify(session.shared.identity.did(), clock::timestamp());
    let own = own.context("the rights in this space have expired or are invalid")?;
    ensure!(
        own.permission().covers(*permission),
        "cannot grant more than your own permission, {}",
        permission_name(own.permission())
    );
    let requested = clock::timestamp().seconds() + i64::from(arguments.days) * 86_400;
    let expires_at = Timestamp::from_seconds(requested).min(own.expires_at());
    let proof = membership.ucan.0.as_str();
    let ucan = session.shared.identity.grant(
        address.did(),
        *permission,
        session.shared.space(),
        expires_at,
        Some(proof),
    );
    let admission = Admission {
        did: address.did().as_str().to_owned(),
        name: arguments.name.clone(),
        ucan: ucan.clone(),
        joined: false,
    };
    // A rotation that was interrupted at its end has not listed the members for this one, who cannot read older entries.
    let newest = membership.keys.newest().map(SpaceKey::epoch).context("there is no key for this space")?;
    list_members(session, newest).await?;
    // The log first: rights that are not in the log could not be revoked by other administrators.
    log::append(session, None, |_| Some(Act::Admit(vec![admission.clone()]))).await?;
    // A rotation that begins after the append includes the invitee. One that began before has left a key share for this user, which the
    // offer must contain.
    session.shared.catch_up(&session.connection).await?;
    let offer = Offer::seal(&session.shared.identity, session.shared.membership(), address, &ucan);
    let offer = offer.context("there is no key for this space")?;
    let line = match deliver(session, address, &offer).await? {
        Some(id) => Fields::new().with("invitation", id.to_string()),
        None => Fields::new().with("server", address.server().map(ToString::to_string).unwrap_or_default()),
    };
    Ok(line
        .with("member", address.did().as_str())
        .with("permission", permission_name(*permission))
        .with("expires", clock::format_timestamp(expires_at)))
}

/// Sends an offer to the mailbox of `address`. Returns its id, unless another server has it.
async fn deliver(
    session: &SpaceSession,
    address: &Address,
    offer: &str,
) -> anyhow::Result<Option<InvitationId>> {
    let (connection, mailbox) = (&session.connection, address.mailbox());
    let sent = match address.server() {
        Some(server) => connection.invite_at(server, mailbox, session.shared.space(), offer).await,
        None => connection.invite(mailbox, offer).await.map(Some),
    };
    let sent = sent.context("cannot send the invitation")?;
    Ok(sent.map(|invitation| invitation.id))
}
