//! Chooses the vendors that an order draws on.
//!
//! The fewest vendors win, because each sends a parcel of its own; then those with the lowest priority number, then the
//! cheapest, then those with the most stock. Our own stock comes before every vendor. The search is bounded: sets of up
//! to [`MOST_SPLITS`] of the [`MOST_CANDIDATES`] best vendors are compared, and beyond that vendors are taken one after
//! another in the same order.

use crate::refusal::Shortage;
use crate::text::{Sku, Vendor};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The largest set of vendors that is searched for.
pub const MOST_SPLITS: usize = 3;
/// Vendors that are compared in sets; more than these are only taken one after another.
pub const MOST_CANDIDATES: usize = 16;
/// Skus in an order from which on fewer vendors are compared: rows are locked meanwhile.
const MANY_SKUS: usize = 40;
const CANDIDATES_FOR_MANY: usize = 6;
/// The priority of our own stock: before every vendor's.
pub const OWN_PRIORITY: i64 = -1;

/// What a vendor could give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub vendor: Vendor,
    /// The lowest is chosen first.
    pub priority: i64,
    /// Of one unit.
    pub cost: i64,
    /// Units that can be reserved, by sku.
    pub available: BTreeMap<Sku, i64>,
}

impl Offer {
    /// Whether it has a unit of the sku.
    #[must_use]
    pub fn has(&self, sku: &Sku) -> bool {
        available(self, sku) > 0
    }
}

/// Units that a line needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub line: u16,
    pub sku: Sku,
    /// Above 0.
    pub units: i64,
}

/// Units of a line from a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub line: u16,
    pub sku: Sku,
    pub vendor: Vendor,
    /// Above 0.
    pub units: i64,
}

/// A way to get everything that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By line, then in the order in which the vendors were preferred.
    pub parts: Vec<Part>,
    /// Why these vendors, for people.
    pub reason: String,
}

/// Chooses where everything that is needed comes from.
///
/// # Errors
/// The skus of which all offers together have too little.
pub fn plan(needs: &[Need], offers: &[Offer]) -> Result<Plan, Vec<Shortage>> {
    let demand = demand(needs);
    let shortages = shortages(&demand, offers);
    if !shortages.is_empty() {
        return Err(shortages);
    }
    let ranked = ranked(&demand, offers);
    let (chosen, reason) = match fewest(&demand, &ranked) {
        Some(set) => {
            let reason = reason(&set, &demand, &ranked);
            (set, reason)
        }
        None => {
            let reason =
                format!("no {MOST_SPLITS} vendors have all of it; taken in order of preference");
            (ranked, reason)
        }
    };
    let parts = share_out(needs, &chosen);
    Ok(Plan { parts, reason })
}

/// Chooses where as much as there is of what is needed comes from; the first lines come first.
#[must_use]
pub fn plan_available(needs: &[Need], offers: &[Offer]) -> Plan {
    let mut left: BTreeMap<&Sku, i64> = BTreeMap::new();
    for sku in demand(needs).into_keys() {
        left.insert(sku, offers.iter().map(|offer| available(offer, sku)).sum());
    }
    let mut there: Vec<Need> = vec![];
    for need in needs {
        // No error: every needed sku was entered above.
        let left = left.entry(&need.sku).or_default();
        let units = need.units.min(*left);
        *left -= units;
        if units > 0 {
            there.push(Need {
                units,
                ..need.clone()
            });
        }
    }
    // No error: nothing is asked for that is not there, so no shortage is left.
    plan(&there, offers).unwrap_or_else(|_| Plan {
        parts: vec![],
        reason: String::new(),
    })
}

fn demand(needs: &[Need]) -> BTreeMap<&Sku, i64> {
    let mut sums: BTreeMap<&Sku, i64> = BTreeMap::new();
    for need in needs {
        *sums.entry(&need.sku).or_default() += need.units;
    }
    sums
}

fn available(offer: &Offer, sku: &Sku) -> i64 {
    offer.available.get(sku).map_or(0, |units| (*units).max(0))
}

fn shortages(demand: &BTreeMap<&Sku, i64>, offers: &[Offer]) -> Vec<Shortage> {
    let of = |(sku, requested): (&&Sku, &i64)| {
        // A row has 10^12 units at most, so the sum fits.
        let available = offers.iter().map(|offer| available(offer, sku)).sum();
        (available < *requested).then(|| Shortage {
            sku: (*sku).clone(),
            requested: *requested,
            available,
        })
    };
    demand.iter().filter_map(of).collect()
}

/// Units of what is needed that an offer has.
fn useful(offer: &Offer, demand: &BTreeMap<&Sku, i64>) -> i64 {
    let each = demand.iter();
    each.map(|(sku, units)| available(offer, sku).min(*units))
        .sum()
}

/// The offers that have something of what is needed, the preferred ones first.
fn ranked<'o>(demand: &BTreeMap<&Sku, i64>, offers: &'o [Offer]) -> Vec<&'o Offer> {
    let mut ranked: Vec<&Offer> = offers
        .iter()
        .filter(|offer| useful(offer, demand) > 0)
        .collect();
    ranked.sort_by_key(|offer| {
        let stock: i64 = demand.keys().map(|sku| available(offer, sku)).sum();
        (
            offer.priority,
            offer.cost,
            Reverse(stock),
            offer.vendor.as_str(),
        )
    });
    ranked
}

fn has_all(set: &[&Offer], demand: &BTreeMap<&Sku, i64>) -> bool {
    demand.iter().all(|(sku, units)| {
        let all: i64 = set.iter().map(|offer| available(offer, sku)).sum();
        all >= *units
    })
}

/// How good a set is; the lowest is best.
fn merit(set: &[&Offer], demand: &BTreeMap<&Sku, i64>) -> (i64, i64, Reverse<i64>) {
    let stock = |offer: &&Offer| -> i64 { demand.keys().map(|sku| available(offer, sku)).sum() };
    (
        set.iter().map(|offer| offer.priority).sum(),
        set.iter().map(|offer| offer.cost).sum(),
        Reverse(set.iter().map(stock).sum()),
    )
}

/// The best of the smallest sets that have everything.
fn fewest<'o>(demand: &BTreeMap<&Sku, i64>, ranked: &[&'o Offer]) -> Option<Vec<&'o Offer>> {
    let most = if demand.len() > MANY_SKUS {
        CANDIDATES_FOR_MANY
    } else {
        MOST_CANDIDATES
    };
    let candidates = &ranked[..ranked.len().min(most)];
    (1..=MOST_SPLITS).find_map(|size| {
        let sets = sets(candidates, size).into_iter();
        let whole = sets.filter(|set| has_all(set, demand));
        // The first of equally good sets: the one whose members rank first.
        whole.min_by_key(|set| merit(set, demand))
    })
}

/// All sets of so many members, each in the order of the candidates.
fn sets<'o>(candidates: &[&'o Offer], size: usize) -> Vec<Vec<&'o Offer>> {
    if size == 0 {
        return vec![vec![]];
    }
    let firsts = candidates.iter().enumerate();
    firsts
        .flat_map(|(index, first)| {
            let rest = sets(&candidates[index + 1..], size - 1).into_iter();
            rest.map(|set| {
                let mut set = set;
                set.insert(0, *first);
                set
            })
        })
        .collect()
}

fn reason(set: &[&Offer], demand: &BTreeMap<&Sku, i64>, ranked: &[&Offer]) -> String {
    let alone = ranked.iter().filter(|offer| has_all(&[offer], demand));
    match (set, alone.count()) {
        ([one], 1) => format!("only {} has all of it", one.vendor),
        ([one], others) => format!(
            "first by priority, cost and stock of the {others} that have all of it: {}",
            one.vendor
        ),
        (several, _) => format!(
            "no single vendor has all of it; these {} do, first by priority, cost and stock",
            several.len()
        ),
    }
}

/// Gives each line its units from the chosen vendors: from one vendor where one has enough left for the line, else from
/// one after another.
fn share_out(needs: &[Need], chosen: &[&Offer]) -> Vec<Part> {
    let mut left: Vec<BTreeMap<&Sku, i64>> = chosen
        .iter()
        .map(|offer| offer.available.iter().map(|(sku, n)| (sku, *n)).collect())
        .collect();
    let mut parts = vec![];
    for need in needs {
        let whole = left
            .iter()
            .position(|left| left.get(&need.sku).is_some_and(|n| *n >= need.units));
        let order: Vec<usize> = whole.into_iter().chain(0..chosen.len()).collect();
        let mut missing = need.units;
        for index in order {
            let Some(there) = left[index].get_mut(&need.sku) else {
                continue;
            };
            let units = missing.min((*there).max(0));
            if units > 0 {
                *there -= units;
                missing -= units;
                parts.push(Part {
                    line: need.line,
                    sku: need.sku.clone(),
                    vendor: chosen[index].vendor.clone(),
                    units,
                });
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(vendor: &str, priority: i64, cost: i64, stock: &[(&str, i64)]) -> Offer {
        Offer {
            vendor: Vendor::stored(vendor),
            priority,
            cost,
            available: stock.iter().map(|(s, n)| (Sku::stored(s), *n)).collect(),
        }
    }

    fn needs(lines: &[(&str, i64)]) -> Vec<Need> {
        let lines = lines.iter().zip(1_u16..);
        lines
            .map(|((sku, units), line)| Need {
                line,
                sku: Sku::stored(sku),
                units: *units,
            })
            .collect()
    }

    fn chosen(lines: &[(&str, i64)], offers: &[Offer]) -> Vec<(u16, String, i64)> {
        let plan = plan(&needs(lines), offers).expect("there is enough");
        let parts = plan.parts.into_iter();
        parts
            .map(|p| (p.line, p.vendor.to_string(), p.units))
            .collect()
    }

    #[test]
    fn one_vendor_that_has_all_of_it_wins_over_two_that_are_preferred() {
        let offers = [
            offer("A", 1, 0, &[("X", 10)]),
            offer("B", 1, 0, &[("Y", 10)]),
            offer("C", 900, 900, &[("X", 2), ("Y", 2)]),
        ];
        let expected = [(1, "C".to_owned(), 2), (2, "C".to_owned(), 2)];
        assert_eq!(chosen(&[("X", 2), ("Y", 2)], &offers), expected);
    }

    #[test]
    fn then_priority_then_cost_then_stock_decide() {
        let of = |offers: &[Offer]| chosen(&[("X", 1)], offers)[0].1.clone();
        let a = offer("A", 2, 0, &[("X", 99)]);
        let b = offer("B", 1, 50, &[("X", 5)]);
        let c = offer("C", 1, 40, &[("X", 5)]);
        let d = offer("D", 1, 40, &[("X", 6)]);
        assert_eq!(of(&[a.clone(), b.clone()]), "B");
        assert_eq!(of(&[a.clone(), b.clone(), c.clone()]), "C");
        assert_eq!(of(&[a, b, c, d]), "D");
    }

    #[test]
    fn a_line_is_split_where_no_vendor_has_all_of_it() {
        let offers = [
            offer("VendorA", 100, 0, &[("LAPTOP-001", 10)]),
            offer("VendorB", 100, 0, &[("LAPTOP-001", 5)]),
        ];
        let expected = [(1, "VendorA".to_owned(), 10), (1, "VendorB".to_owned(), 2)];
        assert_eq!(chosen(&[("LAPTOP-001", 12)], &offers), expected);
    }

    #[test]
    fn a_line_stays_whole_where_one_of_the_chosen_has_enough_for_it() {
        let offers = [
            offer("A", 1, 0, &[("X", 3), ("Y", 1)]),
            offer("B", 2, 0, &[("X", 4)]),
        ];
        let expected = [
            (1, "B".to_owned(), 4),
            (2, "A".to_owned(), 3),
            (3, "A".to_owned(), 1),
        ];
        assert_eq!(chosen(&[("X", 4), ("X", 3), ("Y", 1)], &offers), expected);
    }

    #[test]
    fn too_little_is_told_by_sku_with_what_all_have() {
        let offers = [
            offer("A", 1, 0, &[("X", 3), ("Y", 9)]),
            offer("B", 1, 0, &[("X", 2), ("Y", -4)]),
        ];
        let short = plan(&needs(&[("X", 4), ("X", 2), ("Y", 9)]), &offers);
        let expected = vec![Shortage {
            sku: Sku::stored("X"),
            requested: 6,
            available: 5,
        }];
        assert_eq!(short, Err(expected));
    }

    #[test]
    fn more_vendors_than_are_searched_are_taken_one_after_another() {
        let offers: Vec<Offer> = (0..40)
            .map(|n| offer(&format!("V{n:02}"), n, 0, &[("X", 1)]))
            .collect();
        let parts = chosen(&[("X", 30)], &offers);
        assert_eq!(parts.len(), 30);
        assert_eq!((parts[0].1.as_str(), parts[29].1.as_str()), ("V00", "V29"));
    }

    #[test]
    fn whatever_is_planned_is_all_that_is_needed_and_no_more_than_is_there() {
        // Every combination of small numbers for two skus at three vendors.
        for code in 0..3_i64.pow(6) {
            let digit = |place: u32| code / 3_i64.pow(place) % 3;
            let offers: Vec<Offer> = (0..3)
                .map(|v| {
                    let (x, y) = (digit(v), digit(v + 3));
                    offer(&format!("V{v}"), i64::from(v % 2), 0, &[("X", x), ("Y", y)])
                })
                .collect();
            let needs = needs(&[("X", 2), ("Y", 1), ("X", 1)]);
            let have = |s: &str| -> i64 {
                let each = offers.iter();
                each.map(|o| available(o, &Sku::stored(s))).sum()
            };
            match plan(&needs, &offers) {
                Err(_) => assert!(have("X") < 3 || have("Y") < 1),
                Ok(plan) => {
                    for need in &needs {
                        let parts = plan.parts.iter().filter(|p| p.line == need.line);
                        assert_eq!(parts.map(|p| p.units).sum::<i64>(), need.units);
                    }
                    for offer in &offers {
                        for (sku, units) in &offer.available {
                            let parts = plan.parts.iter();
                            let taken = parts.filter(|p| p.vendor == offer.vendor && p.sku == *sku);
                            assert!(taken.map(|p| p.units).sum::<i64>() <= *units);
                        }
                    }
                }
            }
        }
    }
}
