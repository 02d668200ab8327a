//! Cores divided by weight, in whole numbers.

/// What somebody may get of what is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its part of the sum of all weights.
    pub weight: u64,
    /// It has no use for more.
    pub most: u64,
}

/// Divides `amount` by weight, nobody above what it has use for: the rest of that goes to the others. Fractions are settled by the
/// largest remainder, ties by the order given. The parts add up to the amount, or to all that there is use for.
pub fn divide(amount: u64, claims: &[Claim]) -> Vec<u64> {
    let mut parts = vec![0; claims.len()];
    let weighty = (0..claims.len()).filter(|&i| claims[i].weight > 0);
    let mut order: Vec<usize> = weighty.collect();
    // Those first who are soonest content: by most / weight.
    order.sort_by(|&a, &b| {
        let (a, b) = (claims[a], claims[b]);
        let left = u128::from(a.most) * u128::from(b.weight);
        left.cmp(&(u128::from(b.most) * u128::from(a.weight)))
    });
    let mut amount = u128::from(amount);
    let mut weights: u128 = order.iter().map(|&i| u128::from(claims[i].weight)).sum();
    let mut content = 0;
    for &i in &order {
        let Claim { weight, most } = claims[i];
        let (weight, most) = (u128::from(weight), u128::from(most));
        if most * weights > amount * weight {
            break;
        }
        parts[i] = claims[i].most;
        amount -= most;
        weights -= weight;
        content += 1;
    }
    // All others get less than they have use for.
    let mut rest: Vec<(u128, usize)> = Vec::new();
    let mut left = amount;
    for &i in &order[content..] {
        let share = amount * u128::from(claims[i].weight);
        parts[i] = (share / weights) as u64;
        left -= share / weights;
        rest.push((share % weights, i));
    }
    rest.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for &(_, i) in rest.iter().take(left as usize) {
        parts[i] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Amount, (weight, most), parts.
    type Row<'a> = (u64, &'a [(u64, u64)], &'a [u64]);

    #[test]
    fn by_weight_and_by_use() {
        let rows: &[Row<'_>] = &[
            (10, &[(1, 99), (1, 99)], &[5, 5]),
            (10, &[(3, 99), (1, 99)], &[8, 2]),
            (11, &[(1, 99), (1, 99), (1, 99)], &[4, 4, 3]),
            // 7.5 and 2.5: a tie is settled by order.
            (10, &[(1, 99), (3, 99)], &[3, 7]),
            (10, &[(1, 2), (1, 99), (2, 99)], &[2, 3, 5]),
            (10, &[(1, 2), (1, 3)], &[2, 3]),
            (10, &[(0, 99), (1, 99)], &[0, 10]),
            (10, &[(0, 99)], &[0]),
            (0, &[(1, 5)], &[0]),
            (5, &[], &[]),
        ];
        for (i, (amount, claims, expected)) in rows.iter().enumerate() {
            let claim = |&(weight, most): &(u64, u64)| Claim { weight, most };
            let claims: Vec<Claim> = claims.iter().map(claim).collect();
            assert_eq!(divide(*amount, &claims), *expected, "row {i}");
        }
    }

    #[test]
    fn parts_add_up() {
        let mut seed = 5u64;
        let mut random = |below: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..2_000 {
            let claims: Vec<Claim> = (0..1 + random(9))
                .map(|_| Claim {
                    weight: 1 + random(1_000_000),
                    most: random(50),
                })
                .collect();
            let amount = random(300);
            let parts = divide(amount, &claims);
            let use_for: u64 = claims.iter().map(|claim| claim.most).sum();
            assert_eq!(parts.iter().sum::<u64>(), amount.min(use_for), "{claims:?}");
            let each = parts.iter().zip(&claims);
            assert!(each.clone().all(|(part, claim)| *part <= claim.most));
            // Who has less for its weight than another by a whole core has all that it has use for.
            for (part, claim) in each.clone() {
                for (other, others) in each.clone() {
                    let fair = (part + 1) * others.weight >= other.saturating_sub(1) * claim.weight;
                    assert!(fair || *part == claim.most, "{amount} {claims:?} {parts:?}");
                }
            }
        }
    }
}
