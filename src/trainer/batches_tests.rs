//! Unit tests of `batches`.

use super::*;

fn examples(lengths: impl IntoIterator<Item = usize>) -> Vec<Example> {
    let example = |n| Example {
        ids: vec![5; n],
        types: vec![0; n],
        label: Label::Class(1),
    };
    lengths.into_iter().map(example).collect()
}

#[test]
fn an_epoch_holds_every_pair_once_and_each_epoch_another_order() {
    let data = examples((0..301).map(|i| 3 + i * 7 % 90));
    let first = order(&data, 8, 1, 0);
    let mut seen: Vec<usize> = first.concat();
    seen.sort_unstable();
    assert_eq!(seen, (0..301).collect::<Vec<_>>());
    assert_eq!(first.iter().filter(|batch| batch.len() != 8).count(), 1);
    assert_eq!(first, order(&data, 8, 1, 0));
    assert_ne!(first, order(&data, 8, 1, 1));
    assert_ne!(first, order(&data, 8, 2, 0));
}

#[test]
fn buckets_save_padding() {
    let data = examples((0..2048).map(|i| 10 + i * 31 % 60));
    let padded = |batches: &[Vec<usize>]| {
        let longest = |batch: &Vec<usize>| batch.iter().map(|p| data[*p].ids.len()).max().unwrap_or(0);
        batches
            .iter()
            .map(|batch| batch.len() * longest(batch))
            .sum::<usize>() as f64
    };
    let real = data.iter().map(|example| example.ids.len()).sum::<usize>() as f64;
    let in_order: Vec<Vec<usize>> = (0..2048)
        .collect::<Vec<_>>()
        .chunks(32)
        .map(<[_]>::to_vec)
        .collect();
    assert!(padded(&order(&data, 32, 1, 0)) < 1.2 * real);
    assert!(padded(&in_order) > 1.5 * real);
}

#[test]
fn short_pairs_are_padded_and_masked() {
    let pair = Example {
        ids: vec![2, 7, 3],
        types: vec![0, 0, 1],
        label: Label::Class(1),
    };
    let short = Example {
        ids: vec![7],
        types: vec![0],
        label: Label::Class(0),
    };
    let words = Words::of(&[&[pair.clone(), short.clone()]], 9);
    assert_eq!(words.kept(), [2, 3, 7]);
    let batch = Batch::new(&[&pair, &short], &words, Kind::Float, Device::Cpu);
    assert_eq!(
        Vec::<i64>::try_from(&batch.words).unwrap(),
        [[0, 2, 1], [2, 0, 0]].concat()
    );
    let Form::Padded { mask } = &batch.form else {
        panic!("{:?} is not padded", batch.form)
    };
    let mask: Vec<f64> = Vec::try_from(mask.flatten(0, -1)).unwrap();
    assert_eq!(mask, [0.0, 0.0, 0.0, 0.0, MASKED, MASKED]);
    assert_eq!((batch.n_pairs, batch.length), (2, 3));
}
