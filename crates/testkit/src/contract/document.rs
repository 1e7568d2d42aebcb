//! A specification, and which of its operations a request is.

use http::Method;
use serde_json::Value;

/// An OpenAPI document.
pub struct Document {
    whole: Value,
    /// Templates of paths, in parts; those with fewer names in them first, so that a literal path wins.
    paths: Vec<Vec<String>>,
}

/// What a document says of a request.
pub enum Found<'a> {
    Operation(&'a Value),
    Nothing,
}

impl Document {
    pub fn new(whole: Value) -> Self {
        let paths = whole["paths"].as_object().into_iter().flatten();
        let mut paths: Vec<Vec<String>> = paths.map(|(path, _)| parts(path)).collect();
        paths.sort_by_key(|path| path.iter().filter(|part| part.starts_with('{')).count());
        Self { whole, paths }
    }

    pub fn whole(&self) -> &Value {
        &self.whole
    }

    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let asked = parts(path);
        let fits = |template: &&Vec<String>| {
            template.len() == asked.len()
                && template
                    .iter()
                    .zip(&asked)
                    .all(|(t, a)| t.starts_with('{') || t == a)
        };
        let Some(template) = self.paths.iter().find(fits) else {
            return Found::Nothing;
        };
        let item = &self.whole["paths"][template.join("/")];
        let method = method.as_str().to_lowercase();
        item.get(method).map_or(Found::Nothing, Found::Operation)
    }
}

fn parts(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}
