//! What is read of an object of Kubernetes' API; all else in it is left out.
//!
//! Fields may be missing or `null` wherever the API allows it, and are of their one type else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A list of objects, or a single one.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

/// An object of any kind.
#[derive(Debug, Deserialize)]
pub(super) struct Kind {
    pub(super) kind: Option<Box<str>>,
}

/// An object of a kind that is taken.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Object {
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
    pub(super) status: Status,
    /// Of an `Endpoints`.
    subsets: Option<Vec<Subset>>,
    /// Of an `EndpointSlice`.
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: Option<Box<str>>,
    pub(super) namespace: Option<Box<str>>,
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) kind: Option<Box<str>>,
    pub(super) name: Option<Box<str>>,
    controller: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) node_name: Option<Box<str>>,
    host_network: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) phase: Option<Box<str>>,
    #[serde(rename = "podIP")]
    pod_ip: Option<Box<str>>,
    addresses: Option<Vec<NodeAddress>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeAddress {
    #[serde(rename = "type")]
    kind: Option<Box<str>>,
    address: Option<Box<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Subset {
    addresses: Option<Vec<Endpoint>>,
    /// A service suffers from a pod that is not ready; so it must not be forgotten by then.
    not_ready_addresses: Option<Vec<Endpoint>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Endpoint {
    target_ref: Option<Target>,
}

/// What stands behind an address of a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    pub(super) kind: Option<Box<str>>,
    pub(super) namespace: Option<Box<str>>,
    pub(super) name: Option<Box<str>>,
}

impl Metadata {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(|value| &**value)
    }

    /// Returns the one owner that manages it.
    pub(super) fn controller(&self) -> Option<&Owner> {
        self.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
    }
}

impl Object {
    /// Returns what stands behind a service, ready or not.
    pub(super) fn targets(self) -> Vec<Target> {
        let subsets = self.subsets.into_iter().flatten();
        let addresses = subsets.flat_map(|it| [it.addresses, it.not_ready_addresses]);
        let all = addresses.chain([self.endpoints]).flatten().flatten();
        all.filter_map(|endpoint| endpoint.target_ref).collect()
    }

    /// Returns the address of a node or a pod; a pod in its node's network has none of its own.
    pub(super) fn address(&self) -> Option<&str> {
        let internal = |it: &&NodeAddress| it.kind.as_deref() == Some("InternalIP");
        let node = || self.status.addresses.iter().flatten().find(internal)?.address.as_ref();
        let own = self.status.pod_ip.as_ref().filter(|_| self.spec.host_network != Some(true));
        own.or_else(node).map(|address| &**address)
    }
}
