//! A proxy in this process.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use headroom_core::{Error, ErrorKind, Result};
use headroom_proxy::config::{Beside, of_call};
use headroom_proxy::{HostedProxy, ProxyOptions};
use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi::tokio::task::spawn_blocking;
use napi_derive::napi;
use serde_json::json;

use crate::abort::Abort;
use crate::engines;
use crate::enter::enter;
use crate::host_callback::{Host, HostDispatch};
use crate::manager::Manager;
use crate::outcome::Outcome;

/// What a proxy is started with.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct ProxyArguments {
    /// Options as a JSON object with names in snake case.
    pub options: String,
    /// Whether the configuration is read.
    pub config: bool,
    /// Which file of it.
    pub path: Option<String>,
}

impl ProxyArguments {
    fn read(&self) -> Result<ProxyOptions> {
        let given = serde_json::from_str(&self.options).map_err(|cause| {
            Error::new(ErrorKind::Configuration, format!("options: expected an object, found {cause}"))
        })?;
        let path = self.path.as_deref().map(Path::new);
        let beside = if self.config { Beside::Configuration(path) } else { Beside::Nothing };
        let mut options = of_call(beside, &given)?;
        options.store = Some(engines::spec(options.store.as_deref())?);
        Ok(options)
    }
}

/// A proxy; it ends with this object at the latest.
#[napi]
#[derive(Default)]
pub struct ProxyServer(Arc<Mutex<Option<HostedProxy>>>);

#[napi]
impl ProxyServer {
    /// One that has not started.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the packages whose extensions shall run, as a JSON list.
    #[napi]
    #[must_use]
    pub fn packages(&self, arguments: ProxyArguments) -> Outcome {
        match arguments.read() {
            Ok(options) => Outcome::value(json!(options.extension_packages).to_string().into_bytes()),
            Err(failed) => Outcome::failed(&failed),
        }
    }

    /// Starts; gives `{address, port}` when it listens. The dispatcher is also told what is logged.
    ///
    /// # Errors
    /// When no promise can be made; everything else is in the outcome.
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn start<'e>(
        &self,
        env: &'e Env,
        arguments: ProxyArguments,
        manager: &Manager,
        #[napi(ts_arg_type = "Dispatch")] dispatch: HostDispatch,
        abort: &Abort,
    ) -> napi::Result<PromiseRaw<'e, Outcome>> {
        let (manager, place) = (manager.shared(), Arc::clone(&self.0));
        let host = Host::new(dispatch);
        enter(env, None, abort, async move {
            let options = arguments.read()?;
            // Waiting there keeps no thread that others need.
            let starting = spawn_blocking(move || HostedProxy::start(options, manager, move || host.own_thread()));
            let hosted = starting.await.map_err(ended)??;
            let address = hosted.address();
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(hosted);
            Ok(json!({ "address": address.to_string(), "port": address.port() }).to_string().into_bytes())
        })
    }

    /// Takes no new connection, waits for what is under way within the drain limit, and ends.
    ///
    /// # Errors
    /// As [`ProxyServer::start`].
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn close<'e>(&self, env: &'e Env, abort: &Abort) -> napi::Result<PromiseRaw<'e, Outcome>> {
        let hosted = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        enter(env, None, abort, async move {
            if let Some(hosted) = hosted {
                spawn_blocking(move || hosted.stop()).await.map_err(ended)?;
            }
            Ok(b"null".to_vec())
        })
    }
}

fn ended(error: napi::tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Configuration, "the proxy ended early").caused_by(error)
}
