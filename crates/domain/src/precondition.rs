//! Conditional requests (RFC 9110, section 13.1): what a caller demands of the thing that is there, decided on what is
//! there.
//!
//! Owns the comparison and nothing of HTTP: how a header is read is left to the server. Where a change depends on it,
//! the store decides in its transaction, so that nobody writes between the look and the change.

/// What an entity tag names: a version, and for things that also show what others do to them (stock and what orders
/// reserve of it) a mark of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub version: i64,
    pub mark: Option<i64>,
    /// `W/"…"`: never good enough to change something by.
    pub weak: bool,
}

impl Tag {
    /// The tag of a version.
    #[must_use]
    pub const fn of(version: i64) -> Self {
        Self {
            version,
            mark: None,
            weak: false,
        }
    }

    /// The tag of a version that shows a mark too.
    #[must_use]
    pub const fn marked(version: i64, mark: i64) -> Self {
        Self {
            mark: Some(mark),
            ..Self::of(version)
        }
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let weak = if self.weak { "W/" } else { "" };
        match self.mark {
            None => write!(f, "{weak}\"{}\"", self.version),
            Some(mark) => write!(f, "{weak}\"{}.{mark}\"", self.version),
        }
    }
}

/// The tags of a header. Those that cannot be ours match nothing and are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: whatever is there.
    Any,
    These(Vec<Tag>),
}

/// What must hold for a request to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    pub if_match: Option<Tags>,
    pub if_none_match: Option<Tags>,
}

/// What does not hold. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// `If-Match` names other versions than the one that is there.
    #[error("the version is {found}, If-Match names another")]
    OtherVersion { found: i64 },
    /// `If-Match` wants something to be there.
    #[error("If-Match asks for something that is there, and nothing is")]
    Missing,
    /// `If-None-Match` wants nothing, or another version, to be there.
    #[error("the version is {found}, and If-None-Match excludes it")]
    Excluded { found: i64 },
}

impl Unmet {
    /// The version that is there.
    #[must_use]
    pub const fn found(&self) -> Option<i64> {
        match self {
            Self::OtherVersion { found } | Self::Excluded { found } => Some(*found),
            Self::Missing => None,
        }
    }
}

impl Preconditions {
    /// `If-Match` of one version.
    #[must_use]
    pub fn of_version(version: i64) -> Self {
        Self {
            if_match: Some(Tags::These(vec![Tag::of(version)])),
            if_none_match: None,
        }
    }

    /// Whether a change may be made to what has this version; `None` where nothing is there.
    ///
    /// What a tag says beside the version does not count here: nobody's change is lost by it.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self, found: Option<i64>) -> Result<(), Unmet> {
        if let Some(tags) = &self.if_match {
            let found = found.ok_or(Unmet::Missing)?;
            // Strong comparison.
            let named = |tag: &Tag| !tag.weak && tag.version == found;
            if matches!(tags, Tags::These(tags) if !tags.iter().any(named)) {
                return Err(Unmet::OtherVersion { found });
            }
        }
        match (&self.if_none_match, found) {
            (Some(Tags::Any), Some(found)) => Err(Unmet::Excluded { found }),
            (Some(Tags::These(tags)), Some(found)) if tags.iter().any(|t| t.version == found) => {
                Err(Unmet::Excluded { found })
            }
            _ => Ok(()),
        }
    }

    /// Whether what has this tag may be read: `Ok(true)` where the caller has it already.
    ///
    /// # Errors
    /// `If-Match` does not hold.
    pub fn read(&self, shown: Tag) -> Result<bool, Unmet> {
        let to_match = Self {
            if_match: self.if_match.clone(),
            if_none_match: None,
        };
        to_match.check(Some(shown.version))?;
        Ok(self.has(shown))
    }

    /// Weak comparison.
    fn has(&self, shown: Tag) -> bool {
        let same = |tag: &Tag| (tag.version, tag.mark) == (shown.version, shown.mark);
        match &self.if_none_match {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => tags.iter().any(same),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn these(tags: &[Tag]) -> Option<Tags> {
        Some(Tags::These(tags.to_vec()))
    }

    fn weak(version: i64) -> Tag {
        Tag {
            weak: true,
            ..Tag::of(version)
        }
    }

    #[test]
    fn if_match_takes_any_of_its_tags_but_no_weak_one() {
        let cases = [
            (Some(Tags::Any), Some(7), Ok(())),
            (Some(Tags::Any), None, Err(Unmet::Missing)),
            (these(&[Tag::of(1), Tag::of(7)]), Some(7), Ok(())),
            (these(&[Tag::marked(7, 3)]), Some(7), Ok(())),
            (
                these(&[weak(7)]),
                Some(7),
                Err(Unmet::OtherVersion { found: 7 }),
            ),
            (these(&[]), Some(7), Err(Unmet::OtherVersion { found: 7 })),
            (these(&[Tag::of(7)]), None, Err(Unmet::Missing)),
            (None, None, Ok(())),
        ];
        for (if_match, found, expected) in cases {
            let asked = Preconditions {
                if_match,
                if_none_match: None,
            };
            assert_eq!(asked.check(found), expected, "{asked:?} {found:?}");
        }
    }

    #[test]
    fn if_none_match_excludes_what_it_names_weak_or_not() {
        let excluded = Err(Unmet::Excluded { found: 7 });
        let cases = [
            (Some(Tags::Any), Some(7), excluded),
            (Some(Tags::Any), None, Ok(())),
            (these(&[weak(7)]), Some(7), excluded),
            (these(&[Tag::of(1)]), Some(7), Ok(())),
        ];
        for (if_none_match, found, expected) in cases {
            let asked = Preconditions {
                if_match: None,
                if_none_match,
            };
            assert_eq!(asked.check(found), expected, "{asked:?} {found:?}");
        }
    }

    #[test]
    fn who_reads_has_it_only_with_the_same_mark() {
        let asked = |tags: &[Tag]| Preconditions {
            if_match: None,
            if_none_match: these(tags),
        };
        assert!(asked(&[weak(7)]).has(Tag::of(7)));
        assert!(asked(&[Tag::marked(7, 4)]).has(Tag::marked(7, 4)));
        assert!(!asked(&[Tag::marked(7, 4)]).has(Tag::marked(7, 5)));
        assert!(!asked(&[Tag::of(7)]).has(Tag::marked(7, 5)));
        assert!(!Preconditions::default().has(Tag::of(7)));
    }
}
