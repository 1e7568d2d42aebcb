//! Conditional requests (RFC 9110, section 13.1): compares the caller's conditions with the present version of a
//! resource.
//!
//! Owns the comparison; the server parses the headers. When a change depends on a condition, the store checks it in the
//! change's transaction, so that no other write comes between the check and the change.

/// An entity tag: a version, and for a resource that also shows changes without a version (a stock row with its
/// reservations) a mark of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub version: i64,
    pub mark: Option<i64>,
    /// `W/"…"`: a weak tag, which never matches in `If-Match`.
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

    /// The tag of a version with a mark.
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

/// The tags of a header. Tags that Waybill cannot have made match nothing and are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version of an existing resource.
    Any,
    These(Vec<Tag>),
}

/// The conditions of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    pub if_match: Option<Tags>,
    pub if_none_match: Option<Tags>,
}

/// The condition that does not hold. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// `If-Match` does not name the present version.
    #[error("the version is {found}, If-Match names another")]
    OtherVersion { found: i64 },
    /// `If-Match` requires the resource to exist.
    #[error("If-Match asks for something that is there, and nothing is")]
    Missing,
    /// `If-None-Match` excludes the present version, or requires that the resource does not exist.
    #[error("the version is {found}, and If-None-Match excludes it")]
    Excluded { found: i64 },
}

impl Unmet {
    /// The present version; `None` when the resource does not exist.
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

    /// Checks the conditions of a change against the present version; `None` when the resource does not exist.
    ///
    /// A tag's mark is not compared, because the changes that it stands for cannot be overwritten by this change.
    ///
    /// # Errors
    /// The first condition that does not hold.
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

    /// Checks the conditions of a read of the resource with this tag: `Ok(true)` when the caller has this state
    /// already.
    ///
    /// # Errors
    /// [`Unmet`] when `If-Match` does not name this tag.
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
