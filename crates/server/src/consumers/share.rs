//! Which process reads which partition. Each process decides for itself, from the leases that all of them see, which
//! partitions to take and which to hand back.
//!
//! Invariants: no process takes a partition that another one holds; the shares add up to the number of partitions and
//! differ by at most one; when every process has its share, no lease moves. The store decides whether a lease still
//! holds.

use waybill_store::LeaseView;

/// What one process should do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Free partitions that belong to its share.
    pub take: Vec<u16>,
    /// Partitions beyond its share.
    pub hand_back: Vec<u16>,
}

/// What the process `me` should do about a log of so many partitions.
#[must_use]
pub fn moves(partitions: u16, me: &str, view: &LeaseView) -> Moves {
    let holds = |owner: &str| view.held.iter().filter(|l| l.owner == owner).count();
    let (share, place) = share(partitions, me, view, holds);
    let mine: Vec<u16> = (0..partitions)
        .filter(|partition| owner(view, *partition) == Some(me))
        .collect();
    let hand_back = mine.get(share..).unwrap_or_default().to_vec();
    let mut free: Vec<u16> = (0..partitions)
        .filter(|partition| owner(view, *partition).is_none())
        .collect();
    // Each process begins at another partition, so that two at the same time seldom try to take the same one.
    let count = free.len().max(1);
    free.rotate_left(place * count / view.members.len().max(1) % count);
    free.truncate(share.saturating_sub(mine.len()));
    Moves {
        take: free,
        hand_back,
    }
}

fn owner(view: &LeaseView, partition: u16) -> Option<&str> {
    let lease = view.held.iter().find(|lease| lease.partition == partition);
    lease.map(|lease| lease.owner.as_str())
}

/// The number of partitions that `me` should have, and its place among the members. The remainder of the division goes
/// to those that have more already (up to one more than the others), so that partitions stay where they are.
fn share(
    partitions: u16,
    me: &str,
    view: &LeaseView,
    holds: impl Fn(&str) -> usize,
) -> (usize, usize) {
    let members = &view.members;
    let Some(place) = members.iter().position(|member| member == me) else {
        return (0, 0);
    };
    let each = usize::from(partitions) / members.len();
    let rest = usize::from(partitions) % members.len();
    let rank = |member: &String| std::cmp::Reverse(holds(member).min(each + 1));
    let mut ranked: Vec<&String> = members.iter().collect();
    // A stable sort: members with the same number stay in the order of their names.
    ranked.sort_by_key(|member| rank(member));
    let gets_one_more = ranked.iter().take(rest).any(|member| *member == me);
    (each + usize::from(gets_one_more), place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use waybill_domain::time::Time;
    use waybill_store::HeldLease;

    use super::*;

    fn view(members: &[&str], held: &[(u16, &str)]) -> LeaseView {
        let lease = |(partition, owner): &(u16, &str)| HeldLease {
            partition: *partition,
            owner: (*owner).to_owned(),
            epoch: 1,
            until: Time(0),
        };
        LeaseView {
            members: members.iter().map(|m| (*m).to_owned()).collect(),
            held: held.iter().map(lease).collect(),
        }
    }

    fn carry_out(view: &mut LeaseView, me: &str, moves: &Moves) {
        view.held
            .retain(|lease| !(lease.owner == me && moves.hand_back.contains(&lease.partition)));
        for partition in &moves.take {
            if owner(view, *partition).is_none() {
                view.held.push(HeldLease {
                    partition: *partition,
                    owner: me.to_owned(),
                    epoch: 1,
                    until: Time(0),
                });
            }
        }
    }

    #[test]
    fn who_is_alone_takes_all() {
        let all = moves(4, "a", &view(&["a"], &[]));
        assert_eq!((all.take.len(), all.hand_back.len()), (4, 0));
    }

    #[test]
    fn a_part_that_somebody_holds_is_not_taken() {
        let moves = moves(2, "b", &view(&["a", "b"], &[(0, "a"), (1, "a")]));
        assert_eq!(moves, Moves::default());
    }

    #[test]
    fn who_has_too_many_hands_back_the_surplus_alone() {
        let held: Vec<(u16, &str)> = (0..5).map(|partition| (partition, "a")).collect();
        let moves = moves(5, "a", &view(&["a", "b"], &held));
        assert_eq!((moves.hand_back, moves.take), (vec![3, 4], vec![]));
    }

    #[test]
    fn what_cannot_be_divided_stays_where_it_is() {
        let held = [(0, "a"), (1, "b"), (2, "b")];
        let view = view(&["a", "b"], &held);
        assert_eq!(moves(3, "a", &view), Moves::default());
        assert_eq!(moves(3, "b", &view), Moves::default());
    }

    #[test]
    fn one_job_has_one_owner() {
        let view = view(&["a", "b", "c"], &[(0, "c")]);
        for member in ["a", "b", "c"] {
            assert_eq!(moves(1, member, &view), Moves::default());
        }
    }

    #[test]
    fn who_is_no_member_takes_nothing_and_hands_back_all() {
        let moves = moves(2, "x", &view(&["a"], &[(0, "x")]));
        assert_eq!((moves.take, moves.hand_back), (vec![], vec![0]));
    }

    /// Any state in the middle of a change: members, and partitions held by members, by processes that have left, or free.
    fn anything() -> impl Strategy<Value = (u16, Vec<String>, Vec<Option<u8>>)> {
        (1u16..40, 1usize..9).prop_flat_map(|(partitions, members)| {
            let names = (0..members).map(|n| format!("m{n}")).collect::<Vec<_>>();
            let owners = proptest::option::of(0u8..u8::try_from(members).unwrap_or(1));
            let held = proptest::collection::vec(owners, usize::from(partitions));
            (Just(partitions), Just(names), held)
        })
    }

    fn of(names: &[String], held: &[Option<u8>]) -> LeaseView {
        let members: Vec<&str> = names.iter().map(String::as_str).collect();
        let held = held.iter().zip(0u16..);
        let held: Vec<(u16, &str)> = held
            .filter_map(|(owner, partition)| owner.map(|o| (partition, members[usize::from(o)])))
            .collect();
        view(&members, &held)
    }

    proptest! {
        /// In any order of turns and on outdated views: within as many rounds as there are partitions every partition has an
        /// owner, the shares differ by at most one, and from then on no lease moves.
        #[test]
        fn everybody_comes_to_its_share_and_then_stays(
            (partitions, names, held) in anything(),
            order in proptest::collection::vec((0usize..9, proptest::bool::ANY), 0..40),
        ) {
            let mut now = of(&names, &held);
            // Some processes act on a view from before the others acted.
            for (who, late) in order {
                let me = &names[who % names.len()];
                let seen = now.clone();
                let other = &names[(who + 1) % names.len()];
                let first = moves(partitions, other, &now);
                if late {
                    carry_out(&mut now, other, &first);
                }
                let mut mine = moves(partitions, me, &seen);
                mine.take.retain(|partition| owner(&now, *partition).is_none());
                carry_out(&mut now, me, &mine);
            }
            for _ in 0..=partitions {
                for me in &names {
                    let moves = moves(partitions, me, &now);
                    carry_out(&mut now, me, &moves);
                }
            }
            prop_assert_eq!(now.held.len(), usize::from(partitions));
            let counts: Vec<usize> = names
                .iter()
                .map(|m| now.held.iter().filter(|l| l.owner == *m).count())
                .collect();
            let (least, most) = (counts.iter().min(), counts.iter().max());
            prop_assert!(most.zip(least).is_some_and(|(m, l)| m - l <= 1), "{counts:?}");
            for me in &names {
                prop_assert_eq!(moves(partitions, me, &now), Moves::default());
            }
        }

        /// When a process joins, only leases that it takes move.
        #[test]
        fn only_the_newcomers_share_moves(partitions in 1u16..40, members in 1usize..8) {
            let names: Vec<String> = (0..members).map(|n| format!("m{n}")).collect();
            let held: Vec<Option<u8>> = (0..usize::from(partitions))
                .map(|partition| u8::try_from(partition % members).ok())
                .collect();
            let before = of(&names, &held);
            let mut joined = before.clone();
            joined.members.push("z".into());
            let mut moved = 0;
            for _ in 0..3 {
                for me in joined.members.clone() {
                    let moves = moves(partitions, &me, &joined);
                    moved += moves.hand_back.len();
                    carry_out(&mut joined, &me, &moves);
                }
            }
            prop_assert_eq!(joined.held.len(), usize::from(partitions));
            prop_assert_eq!(moved, usize::from(partitions) / (members + 1));
        }
    }
}
