//! The maximum of a smooth function in a box, by the method of Broyden, Fletcher, Goldfarb and Shanno.
//!
//! Notation: `x` where we are, `g` the gradient there, `H` an estimate of the inverse of minus the second derivative, so that
//! `H g` is Newton's step; `s` the step taken, `y` by how much the gradient fell along it:
//!
//! ```text
//! H' = (1 - s y^T / y^T s) H (1 - y s^T / y^T s) + s s^T / y^T s        (Nocedal and Wright 2006, eq. 6.17)
//! ```
//!
//! A coordinate at an end of the box whose gradient points outward stays there (Bertsekas 1982).

use super::linalg::dot;

/// No coordinate moves further in one step: what is known of the slope here says nothing about farther away.
const MAX_STEP_LENGTH: f64 = 1.5;
/// A slope that promises less than about the square of this is the top.
const FLAT: f64 = 0.01;
const MAX_STEPS: usize = 40;
const MAX_HALVINGS: usize = 10;

/// A height and its gradient.
pub(super) type Slope = (f64, Vec<f64>);

/// Climbs from `start`; `spread` is how far each coordinate may be expected to go. `None` if `f` has no value at the start;
/// where it has none later, the step is shortened.
pub(super) fn bfgs(
    f: impl Fn(&[f64]) -> Option<Slope>,
    start: Vec<f64>,
    spread: &[f64],
    bounds: &[(f64, f64)],
) -> Option<(Vec<f64>, f64)> {
    let n = start.len();
    let mut x = start;
    let (mut height, mut g) = f(&x)?;
    let mut h = diagonal(spread);
    let mut is_fresh = true;
    for _ in 0..MAX_STEPS {
        let free: Vec<f64> = (0..n)
            .map(|i| if held(x[i], g[i], bounds[i]) { 0.0 } else { 1.0 })
            .collect();
        let uphill: Vec<f64> = (0..n).map(|i| free[i] * g[i]).collect();
        if uphill.iter().all(|g| g.abs() < FLAT) {
            break;
        }
        let mut step: Vec<f64> = (0..n)
            .map(|i| free[i] * dot(&h[i * n..(i + 1) * n], &uphill))
            .collect();
        let longest = step.iter().fold(0.0f64, |a, s| a.max(s.abs()));
        step.iter_mut()
            .for_each(|s| *s *= (MAX_STEP_LENGTH / longest).min(1.0));
        match search(&f, &x, height, &uphill, &step, bounds) {
            Some((to, (new_height, new_g))) => {
                let s: Vec<f64> = (0..n).map(|i| to[i] - x[i]).collect();
                let y: Vec<f64> = (0..n).map(|i| g[i] - new_g[i]).collect();
                update(&mut h, &s, &y);
                (x, height, g) = (to, new_height, new_g);
                is_fresh = false;
            }
            // The estimate may be at fault; if it is new, the top is as near as doubles can tell.
            None if is_fresh => break,
            None => {
                h = diagonal(spread);
                is_fresh = true;
            }
        }
    }
    Some((x, height))
}

fn held(x: f64, g: f64, (low, high): (f64, f64)) -> bool {
    x <= low && g < 0.0 || x >= high && g > 0.0
}

fn diagonal(spread: &[f64]) -> Vec<f64> {
    let n = spread.len();
    let mut h = vec![0.0; n * n];
    for (i, s) in spread.iter().enumerate() {
        h[i * n + i] = s * s;
    }
    h
}

/// The first of ever shorter steps that climbs by a part of what the slope promises (Armijo 1966).
fn search(
    f: &impl Fn(&[f64]) -> Option<Slope>,
    x: &[f64],
    height: f64,
    uphill: &[f64],
    step: &[f64],
    bounds: &[(f64, f64)],
) -> Option<(Vec<f64>, Slope)> {
    let mut length = 1.0;
    for _ in 0..MAX_HALVINGS {
        let clamped = |i: usize| (x[i] + length * step[i]).clamp(bounds[i].0, bounds[i].1);
        let to: Vec<f64> = (0..x.len()).map(clamped).collect();
        let promised: f64 = (0..x.len()).map(|i| uphill[i] * (to[i] - x[i])).sum();
        if promised > 0.0
            && let Some(slope) = f(&to)
            && slope.0 >= height + 1e-4 * promised
        {
            return Some((to, slope));
        }
        length *= 0.4;
    }
    None
}

fn update(h: &mut [f64], s: &[f64], y: &[f64]) {
    let n = s.len();
    let ys = dot(y, s);
    // Without curvature along the step the estimate would lose its sign.
    if ys <= 1e-10 {
        return;
    }
    let hy: Vec<f64> = (0..n).map(|i| dot(&h[i * n..(i + 1) * n], y)).collect();
    let factor = (1.0 + dot(y, &hy) / ys) / ys;
    for i in 0..n {
        for j in 0..n {
            h[i * n + j] += factor * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / ys;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bowl(x: &[f64]) -> Option<Slope> {
        let (a, b) = (x[0] - 1.0, x[1] + 2.0);
        let height = -a * a - 3.0 * b * b - a * b;
        Some((height, vec![-2.0 * a - b, -6.0 * b - a]))
    }

    #[test]
    fn a_top_inside_is_found() {
        let (x, _) = bfgs(bowl, vec![4.0, 4.0], &[1.0; 2], &[(-9.0, 9.0); 2]).unwrap();
        assert!((x[0] - 1.0).abs() < 0.01 && (x[1] + 2.0).abs() < 0.01, "{x:?}");
    }

    #[test]
    fn a_top_outside_is_met_at_the_edge() {
        let (x, _) = bfgs(bowl, vec![4.0, 4.0], &[1.0; 2], &[(-9.0, 9.0), (0.0, 9.0)]).unwrap();
        // Along the edge the other coordinate has its own best: -2 a - 2 = 0.
        assert!((x[0] - 0.0).abs() < 0.01 && x[1] == 0.0, "{x:?}");
    }

    #[test]
    fn where_there_is_no_value_steps_are_shorter() {
        let fenced = |x: &[f64]| bowl(x).filter(|_| x[0] > 0.5);
        let (x, _) = bfgs(fenced, vec![4.0, 4.0], &[1.0; 2], &[(-9.0, 9.0); 2]).unwrap();
        assert!((x[0] - 1.0).abs() < 0.01, "{x:?}");
    }
}
