//! A configuration that changes while its gateway runs.

use portcullis::reload::Reload;

use super::{
    PATIENCE, Response, Stage, request,
    stage::{FILE, merge},
};

impl Stage {
    /// Writes the configuration's file anew, with `text` merged into it.
    pub(crate) fn rewrites(&mut self, text: &str) {
        let more = text.parse().unwrap_or_else(|error| panic!("{error}"));
        merge(&mut self.config, more);
        self.writes(&toml::to_string(&self.config).unwrap());
    }

    /// As [`Stage::rewrites`], without a key: `a/b` is `b` of the table `a`.
    pub(crate) fn rewrites_without(&mut self, tables: &[&str], key: &str) {
        let mut table = &mut self.config;
        for name in tables {
            table = table[*name].as_table_mut().unwrap();
        }
        table.remove(key).unwrap();
        self.writes(&toml::to_string(&self.config).unwrap());
    }

    /// Writes this text into the configuration's file.
    pub(crate) fn writes(&self, text: &str) {
        std::fs::write(self.file(FILE), text).unwrap();
    }

    /// Where the file `name` of the configuration's directory is.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// `POST /reload`.
    pub(crate) fn reload(&self) -> Response {
        request("POST", "/reload").send(self.gateway.admin())
    }

    /// `POST /reload`, which must put something else in force.
    #[track_caller]
    pub(crate) fn applies(&self) {
        let response = self.reload();
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.json()["outcome"], "applied");
    }

    /// The next reload that nobody here asks for.
    pub(crate) fn next_reload(&self, change: impl FnOnce()) -> Reload {
        let mut told = self.gateway.running().reloads().unwrap().watch();
        told.mark_unchanged();
        change();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let waiting = async { tokio::time::timeout(PATIENCE, told.changed()).await };
        runtime.unwrap().block_on(waiting).unwrap().unwrap();
        told.borrow().clone().unwrap()
    }
}
