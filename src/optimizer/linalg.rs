//! The factor of a covariance matrix: small, dense, grown row by row.
//!
//! Written here because the bits of a proposal must not depend on the machine: general libraries choose their kernels by
//! the processor's features, and with them the order and fusion of operations.

/// Lower triangular `L` with `L L^T = A`, row-major with room for `capacity` rows.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    rows: Vec<f64>,
    capacity: usize,
    n: usize,
}

impl Cholesky {
    /// An empty factor with room for `capacity` rows.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            rows: vec![0.0; capacity * capacity],
            capacity,
            n: 0,
        }
    }

    /// Factors an `n` by `n` matrix, of which the lower triangle is read; `None` if it is not positive definite.
    pub(super) fn of(n: usize, capacity: usize, a: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut factor = Self::with_capacity(capacity.max(n));
        let mut row = vec![0.0; n];
        for i in 0..n {
            for (j, x) in row[..i].iter_mut().enumerate() {
                *x = a(i, j);
            }
            factor.solve_lower(&mut row[..i]);
            factor.push(&row[..i], a(i, i))?;
        }
        Some(factor)
    }

    /// Number of rows.
    pub(super) fn n(&self) -> usize {
        self.n
    }

    /// Row `i` of the factor, up to its diagonal.
    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.capacity..=i * self.capacity + i]
    }

    /// Adds a row whose part left of the diagonal, `L^-1 a`, is already solved; `None` if nothing is left for the
    /// diagonal, which is then not added.
    pub(super) fn push(&mut self, solved: &[f64], diagonal: f64) -> Option<()> {
        let left = diagonal - dot(solved, solved);
        // Below this the matrix is singular to working precision and the factor would be noise.
        if left <= 1e-14 || left.is_nan() || self.n == self.capacity {
            return None;
        }
        let begin = self.n * self.capacity;
        self.rows[begin..begin + self.n].copy_from_slice(solved);
        self.rows[begin + self.n] = left.sqrt();
        self.n += 1;
        Some(())
    }

    /// `L^-1 b` in place, for the first `b.len()` rows.
    pub(super) fn solve_lower(&self, b: &mut [f64]) {
        for i in 0..b.len() {
            let row = self.row(i);
            let (done, rest) = b.split_at_mut(i);
            rest[0] = (rest[0] - dot(&row[..i], done)) / row[i];
        }
    }

    /// `L^-T b` in place.
    pub(super) fn solve_upper(&self, b: &mut [f64]) {
        for i in (0..b.len()).rev() {
            let row = self.row(i);
            b[i] /= row[i];
            let x = b[i];
            for (b, l) in b[..i].iter_mut().zip(row) {
                *b -= l * x;
            }
        }
    }

    /// `A^-1 b`.
    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        self.solve_lower(&mut x);
        self.solve_upper(&mut x);
        x
    }

    /// `A^-1`, of which the lower triangle is filled, row-major.
    pub(super) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        // L^-1 row by row, then the sum over its rows k of their outer products: long runs of memory, no waiting.
        let mut lower = vec![0.0; n * n];
        let mut inverse = vec![0.0; n * n];
        for k in 0..n {
            let factor = self.row(k);
            let (above, rest) = lower.split_at_mut(k * n);
            let row = &mut rest[..=k];
            for (i, l) in factor[..k].iter().enumerate() {
                add_multiple(&mut row[..=i], -l, &above[i * n..=i * n + i]);
            }
            row[k] = 1.0;
            row.iter_mut().for_each(|x| *x /= factor[k]);
            for i in 0..=k {
                add_multiple(&mut inverse[i * n..=i * n + i], row[i], &row[..=i]);
            }
        }
        inverse
    }

    /// `L z`.
    pub(super) fn times(&self, z: &[f64]) -> Vec<f64> {
        (0..self.n).map(|i| dot(self.row(i), &z[..=i])).collect()
    }

    /// `ln det A`, halved.
    pub(super) fn half_log_det(&self) -> f64 {
        (0..self.n).map(|i| libm::log(self.row(i)[i])).sum()
    }
}

// The loops that all time goes into count by themselves: adapters of iterators are functions, which a build in several parts without
// optimization across them calls one by one.

/// `a += x b`.
#[inline]
fn add_multiple(a: &mut [f64], x: f64, b: &[f64]) {
    let n = a.len().min(b.len());
    let (a, b) = (&mut a[..n], &b[..n]);
    for i in 0..n {
        a[i] += x * b[i];
    }
}

/// Inner product over the shorter of both, in four running sums: the order is fixed, and the sums do not wait for each
/// other.
#[inline]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let ((fours_a, rest_a), (fours_b, rest_b)) = (a[..n].as_chunks::<4>(), b[..n].as_chunks::<4>());
    let mut sums = [0.0; 4];
    for i in 0..n / 4 {
        for k in 0..4 {
            sums[k] += fours_a[i][k] * fours_b[i][k];
        }
    }
    // The neutral element of addition, whose sign is kept.
    let mut rest = -0.0;
    for k in 0..n % 4 {
        rest += rest_a[k] * rest_b[k];
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(i: usize, j: usize) -> f64 {
        let d = i as f64 - j as f64;
        libm::exp(-0.1 * d * d) + if i == j { 0.1 } else { 0.0 }
    }

    #[test]
    fn the_factor_gives_the_matrix_back_and_solves_it() {
        let n = 9;
        let factor = Cholesky::of(n, n, matrix).unwrap();
        let b: Vec<f64> = (0..n).map(|i| i as f64 - 3.0).collect();
        let x = factor.solve(&b);
        for (i, b) in b.iter().enumerate() {
            let row: Vec<f64> = (0..n).map(|j| matrix(i, j)).collect();
            assert!((dot(&row, &x) - b).abs() < 1e-10);
            for j in 0..=i {
                assert!((dot(factor.row(i), factor.row(j)) - matrix(i, j)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_inverse_times_the_matrix_is_one() {
        let n = 9;
        let inverse = Cholesky::of(n, n, matrix).unwrap().inverse();
        let entry = |i: usize, j: usize| inverse[i.max(j) * n + i.min(j)];
        for i in 0..n {
            for j in 0..n {
                let product: f64 = (0..n).map(|k| entry(i, k) * matrix(k, j)).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-10, "{i} {j}");
            }
        }
    }

    #[test]
    fn a_factor_grown_by_a_row_is_the_factor_of_the_larger_matrix() {
        let mut grown = Cholesky::of(5, 6, matrix).unwrap();
        let mut row: Vec<f64> = (0..5).map(|j| matrix(5, j)).collect();
        grown.solve_lower(&mut row);
        grown.push(&row, matrix(5, 5)).unwrap();
        let whole = Cholesky::of(6, 6, matrix).unwrap();
        assert_eq!(grown.row(5), whole.row(5));
    }

    #[test]
    fn a_singular_matrix_is_refused() {
        assert!(Cholesky::of(2, 2, |_, _| 1.0).is_none());
    }
}
