//! Clusters, and which of them a path leads to.

use serde_json::{Map, Value};

use super::{
    super::{
        Left,
        page::{Page, list, plain},
    },
    find, objects, text,
};

/// What a configuration says of upstreams.
pub(super) struct Clusters {
    all: Vec<Cluster>,
    /// What paths begin with, and the cluster's name, in the order of the routes.
    routes: Vec<(String, String)>,
}

struct Cluster {
    name: String,
    urls: Vec<String>,
}

impl Clusters {
    pub(super) fn of(root: &Value) -> Self {
        let mut lists = Vec::new();
        find(root, &|object| object.contains_key("clusters"), &mut lists);
        let all = lists.iter().flat_map(|list| objects(list, "clusters"));
        let mut hosts = Vec::new();
        find(
            root,
            &|object| object.contains_key("virtual_hosts"),
            &mut hosts,
        );
        let hosts = hosts.iter().flat_map(|list| objects(list, "virtual_hosts"));
        let routes = hosts.flat_map(|host| objects(host, "routes"));
        Self {
            all: all.filter_map(Cluster::read).collect(),
            routes: routes.filter_map(route).collect(),
        }
    }

    /// The cluster that requests for `path` go to.
    pub(super) fn of_path(&self, path: &str) -> Option<&str> {
        let (_, name) = self
            .routes
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix.as_str()))?;
        let found = self.all.iter().find(|cluster| cluster.name == *name)?;
        (!found.urls.is_empty()).then_some(&found.name)
    }

    /// `[upstreams.…]` for those that are `used`, and `[upstream]` for routes that lead to none.
    pub(super) fn write(&self, page: &mut Page, used: &[&str], left: &mut Vec<Left>) {
        for cluster in self
            .all
            .iter()
            .filter(|cluster| used.contains(&cluster.name.as_str()))
        {
            page.section(&["upstreams", &cluster.name]);
            match cluster.urls.as_slice() {
                [one] => page.key("url", plain(one)),
                many => page.key("urls", list(many.iter().map(String::as_str))),
            }
        }
        if !used.contains(&"default") {
            page.section(&["upstream"]);
            let remark = "for routes that name none: yours to say";
            page.key_with_remark("url", plain("http://127.0.0.1:9000"), remark);
        }
        for (_, name) in &self.routes {
            let known = self
                .all
                .iter()
                .any(|c| c.name == *name && !c.urls.is_empty());
            let what = format!("cluster {name}");
            if !known && !left.iter().any(|left| left.what == what) {
                let why = "its addresses do not stand in the file: write an upstream for it";
                left.push(Left::new(what, why));
            }
        }
    }
}

impl Cluster {
    fn read(object: &Map<String, Value>) -> Option<Self> {
        let has_tls = object.get("transport_socket").is_some_and(|socket| {
            socket
                .get("name")
                .and_then(Value::as_str)
                .is_some_and(|name| name.contains("tls"))
        });
        let scheme = if has_tls { "https" } else { "http" };
        let endpoints = object.get("load_assignment").and_then(Value::as_object);
        let endpoints = endpoints
            .into_iter()
            .flat_map(|load| objects(load, "endpoints"));
        let endpoints = endpoints.flat_map(|locality| objects(locality, "lb_endpoints"));
        let urls = endpoints.filter_map(|endpoint| {
            let address = endpoint.get("endpoint")?.get("address")?;
            if let Some(path) = address.pointer("/pipe/path").and_then(Value::as_str) {
                return Some(format!("unix:{path}"));
            }
            let socket = address.get("socket_address")?.as_object()?;
            let port = socket.get("port_value").and_then(Value::as_u64)?;
            let host = text(socket, "address")?;
            match host.contains(':') {
                true => Some(format!("{scheme}://[{host}]:{port}")),
                false => Some(format!("{scheme}://{host}:{port}")),
            }
        });
        Some(Self {
            name: text(object, "name")?.to_owned(),
            urls: urls.collect(),
        })
    }
}

/// A route of Envoy's to one cluster.
fn route(object: &Map<String, Value>) -> Option<(String, String)> {
    let wanted = object.get("match").and_then(Value::as_object)?;
    let path = ["prefix", "path", "path_separated_prefix"];
    let path = path.iter().find_map(|name| text(wanted, name))?;
    let cluster = object
        .get("route")
        .and_then(Value::as_object)
        .and_then(|r| text(r, "cluster"))?;
    Some((path.to_owned(), cluster.to_owned()))
}
