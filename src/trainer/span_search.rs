//! Which stretch of a text answers a question best, by how well each of its tokens begins and ends one.
//!
//! As transformers' `run_qa.py` decides: the 20 best beginnings and the 20 best ends of a window, their pairs of at most 30 tokens,
//! ranked by the sum of both numbers over all windows. It looks for beginnings and ends among all tokens and drops those outside
//! the text; here they are looked for in the text alone, so that none of the 20 is lost.

/// Answers that are kept for a question, and beginnings and ends that are tried in a window.
pub(super) const N_BEST: usize = 20;

/// Tokens of the longest answer.
pub(super) const MAX_ANSWER_TOKENS: usize = 30;

/// A stretch of a window's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// Which of the windows.
    pub(super) window: usize,
    /// Its first token, counted from the first of the window's text.
    pub(super) first: usize,
    /// Its last.
    pub(super) last: usize,
    /// How well it begins.
    pub(super) begin: f32,
    /// How well it ends.
    pub(super) end: f32,
}

impl Span {
    /// How good an answer it is.
    pub(super) fn score(&self) -> f64 {
        f64::from(self.begin) + f64::from(self.end)
    }
}

/// The best spans of the windows of one question, the best first. Of each window: how well each token of its text begins and ends
/// an answer.
pub(super) fn best<'a>(windows: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> Vec<Span> {
    let mut spans = Vec::new();
    for ((begins, ends), window) in windows.zip(0..) {
        let lasts = highest(ends);
        for first in highest(begins) {
            let reach = first..first + MAX_ANSWER_TOKENS;
            let fitting = lasts.iter().filter(|last| reach.contains(last));
            spans.extend(fitting.map(|last| Span {
                window,
                first,
                last: *last,
                begin: begins[first],
                end: ends[*last],
            }));
        }
    }
    spans.sort_by(|a: &Span, b| b.score().total_cmp(&a.score()));
    spans.truncate(N_BEST);
    spans
}

/// Places of the highest values, the highest first.
fn highest(values: &[f32]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    places.truncate(N_BEST);
    places
}

/// The softmax of the spans' scores.
pub(super) fn probabilities(spans: &[Span]) -> Vec<f64> {
    let most = spans.iter().map(Span::score).fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = spans.iter().map(|span| (span.score() - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(spans: &[Span]) -> Vec<(usize, usize, usize)> {
        spans
            .iter()
            .map(|span| (span.window, span.first, span.last))
            .collect()
    }

    #[test]
    fn the_best_pair_wins_over_all_windows() {
        let (one, other) = (
            [[0.0, 3.0, 1.0], [0.0, 1.0, 2.0]],
            [[9.0, 0.0, 0.0], [0.0, 0.0, 0.5]],
        );
        let spans = best([(&one[0][..], &one[1][..]), (&other[0], &other[1])].into_iter());
        assert_eq!(places(&spans)[..3], [(1, 0, 2), (1, 0, 0), (1, 0, 1)]);
        assert_eq!(places(&spans)[3], (0, 1, 2));
        assert!((probabilities(&spans).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn no_answer_is_longer_than_thirty_tokens_or_ends_before_it_begins() {
        let (mut begins, mut ends) = ([0.0; 40], [0.0; 40]);
        (begins[5], ends[4], ends[34], ends[35]) = (9.0, 9.0, 5.0, 8.0);
        let spans = best([(&begins[..], &ends[..])].into_iter());
        assert_eq!(places(&spans)[0], (0, 5, 34));
    }

    #[test]
    fn a_window_without_text_has_no_answer() {
        assert_eq!(best([(&[][..], &[][..])].into_iter()), []);
        assert_eq!(probabilities(&[]), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn the_first_is_the_best_of_all_short_pairs(
            values in proptest::collection::vec((-9.0_f32..9.0, -9.0_f32..9.0), 1..60),
        ) {
            let (begins, ends): (Vec<f32>, Vec<f32>) = values.into_iter().unzip();
            let spans = best([(&begins[..], &ends[..])].into_iter());
            let tried = |a: usize, b: usize| a <= b && b < a + MAX_ANSWER_TOKENS
                && highest(&begins).contains(&a) && highest(&ends).contains(&b);
            let all = (0..begins.len()).flat_map(|a| (0..ends.len()).map(move |b| (a, b)));
            let most = all.filter(|(a, b)| tried(*a, *b)).map(|(a, b)| f64::from(begins[a]) + f64::from(ends[b]));
            let most = most.fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(spans.first().map_or(f64::NEG_INFINITY, Span::score), most);
            prop_assert!(spans.len() <= N_BEST);
            prop_assert!(spans.is_sorted_by(|a, b| a.score() >= b.score()));
        }
    }
}
