//! S3 server in the process of the test, on a temporary directory.

mod faults;
mod service;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use faults::FaultPlan;
pub use faults::{Fault, Gauge};
use service::{BUCKET, Service};

const ACCESS_KEY: &str = "less-sync-tests";
const SECRET_KEY: &str = "not much of a secret";

/// S3 server with a single bucket: checks signatures, keeps objects as files, injects faults on demand.
///
/// All its tasks end when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    directory: TempDir,
    plan: Arc<FaultPlan>,
    _server: JoinSet<()>,
}

impl S3Server {
    /// Starts a server with an empty bucket.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join(BUCKET)).expect("a directory for the bucket");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("the address of a bound listener");
        let plan = Arc::new(FaultPlan::default());
        let service = Service::new(store(directory.path()), Arc::clone(&plan));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, service));
        Self { address, directory, plan, _server: server }
    }

    /// `http://127.0.0.1:{port}` (`FILE_S3_ENDPOINT`).
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Name of the bucket (`FILE_S3_BUCKET`).
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// Access key id (`FILE_S3_ACCESS_KEY`).
    #[must_use]
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// Secret access key (`FILE_S3_SECRET_KEY`).
    #[must_use]
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// Applies a fault to all requests from now on.
    pub fn fault(&self, fault: Fault) {
        self.plan.from(1, fault);
    }

    /// Applies a fault from the `nth` request on, counted from 1.
    pub fn fault_from(&self, nth: usize, fault: Fault) {
        self.plan.from(nth, fault);
    }

    /// Applies a fault to the `nth` request from now on, counted from 1.
    pub fn fault_once(&self, nth: usize, fault: Fault) {
        self.plan.once(nth, fault);
    }

    /// Clears all faults; delayed requests continue.
    pub fn clear_faults(&self) {
        self.plan.clear();
    }

    /// Counters so far.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        self.plan.gauge()
    }

    /// Waits until `count` requests have been received in total.
    pub async fn until_requests(&self, count: usize) {
        self.plan.until(|gauge| gauge.requests >= count, format!("request {count} to the store")).await;
    }

    /// Waits until `count` requests are delayed.
    pub async fn until_held(&self, count: usize) {
        self.plan.until(|gauge| gauge.held >= count, format!("{count} requests held by the store")).await;
    }

    /// Stores an object directly, without a request.
    pub fn put(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a name of two parts")).expect("a directory for the object");
        fs::write(path, content).expect("a file for the object");
    }

    /// File of an object.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(BUCKET).join(name)
    }

    /// Number of multipart uploads neither completed nor aborted.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        let entries = fs::read_dir(self.directory.path()).expect("the directory of the store");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".upload-")).count()
    }
}

fn store(root: &Path) -> s3s::service::S3Service {
    let files = FileSystem::new(root).expect("a directory to keep objects in");
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    builder.build()
}

async fn serve(listener: TcpListener, service: Service) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { return };
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone());
        connections.spawn(async move {
            let ended = connection.await;
            tracing::debug!(?ended, "connection to the store ended");
        });
        while connections.try_join_next().is_some() {}
    }
}
