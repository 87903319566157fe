//! Windows, labels and answers of SQuAD, by the numbers of transformers in tests/fixtures/trainer/squad.json.

use super::*;

fn window(places: &[(usize, usize)]) -> Window {
    Window {
        ids: vec![1; places.len() + 5],
        types: vec![0; places.len() + 5],
        begin: 4,
        places: places.to_vec(),
    }
}

#[test]
fn an_answer_has_the_tokens_that_hold_it() {
    let words = window(&[(0, 3), (4, 9), (9, 10), (11, 15)]);
    for (answer, tokens) in [
        (0..3, Some((4, 4))),
        (4..10, Some((5, 6))),
        // Half a token counts as all of it.
        (5..8, Some((5, 5))),
        (0..15, Some((4, 7))),
        (11..15, Some((7, 7))),
        // Beyond the end.
        (11..16, None),
        (20..21, None),
    ] {
        assert_eq!(label(&words, &answer), tokens, "{answer:?}");
    }
    assert_eq!(
        label(&window(&[(4, 9), (9, 10)]), &(0..9)),
        None,
        "it begins before the window"
    );
    assert_eq!(label(&window(&[]), &(0..1)), None);
}

#[test]
fn a_short_example_cannot_hold_question_and_text() {
    assert!(SQUAD.check_max_length(99).unwrap_err().contains("at least 100"));
    assert_eq!(SQUAD.check_max_length(100), Ok(()));
}

#[test]
fn the_loss_is_the_mean_of_both_ends() {
    let outputs = Tensor::from_slice(&[0.0_f32, 0.0, 3.0, 3.0, 3.0, 3.0]).view([1, 2, 3]);
    // 0, 0, 3 for the beginning, and an even 3, 3, 3 for the end.
    let labels = Tensor::from_slice(&[2_i64, 0]).view([1, 2]);
    let loss = SQUAD.loss(&outputs, &labels, &Criterion::default(), Reduction::Mean);
    let expected = (((2.0 + 3.0_f64.exp()).ln() - 3.0) + 3.0_f64.ln()) / 2.0;
    assert!((loss.double_value(&[]) - expected).abs() < 1e-6);
}
