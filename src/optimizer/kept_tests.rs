//! Unit tests of `kept`.

use super::*;
use crate::optimizer::random::Random;
use crate::space::{Domain, Parameter, Scale, SearchSpace};

/// Three numbers and a word of five.
fn dimensions() -> Dimensions {
    let double = Domain::Double {
        min: 0.0,
        max: 1.0,
        scale: Scale::Linear,
    };
    let values = (0..5).map(|i| format!("w{i}")).collect();
    let domains = [
        double.clone(),
        double.clone(),
        double,
        Domain::Categorical { values },
    ];
    let named = domains.into_iter().enumerate();
    let parameters = named.map(|(i, d)| Parameter::new(format!("p{i}"), d).unwrap());
    Dimensions::of(&SearchSpace::new(parameters.collect()).unwrap())
}

/// Most are crowded near one corner with the first word; one in fifty is anywhere.
fn data(n: usize, dimensions: &Dimensions) -> Data {
    let mut random = Random::new(&[5]);
    let place = |i: usize| {
        let mut place = dimensions.sample(&mut random);
        if !i.is_multiple_of(50) {
            place[..3].iter_mut().for_each(|x| *x *= 0.05);
            place[3] = 0.0;
        }
        place
    };
    let places: Vec<Vec<f64>> = (0..n).map(place).collect();
    Data {
        // Coarse, so that many are equal.
        values: places.iter().map(|p| -(20.0 * (p[0] + p[3])).round()).collect(),
        extra_noise: vec![0.0; n],
        is_final: vec![true; n],
        places,
    }
}

#[test]
fn of_a_thousand_as_many_are_kept_as_the_limit_says() {
    let dimensions = dimensions();
    let data = data(1000, &dimensions);
    let rows = kept(&data, 0, &dimensions, 256);
    assert_eq!(rows.len(), 256);
    assert!(rows.is_sorted_by(|a, b| a < b));
    assert_eq!(rows, kept(&data, 0, &dimensions, 256));
    let best = by_value(&data, 0..1000);
    assert!(best[..256 / BEST].iter().all(|row| rows.contains(row)));
    assert!((1000 - 256 / LATEST..1000).all(|row| rows.contains(&row)));
    assert_eq!(sampled(&data, 0, 128).len(), 128);
}

#[test]
fn what_is_left_out_lies_near_something_that_is_kept() {
    let dimensions = dimensions();
    let data = data(1000, &dimensions);
    let rows = kept(&data, 0, &dimensions, 100);
    for place in &data.places {
        let near = |row: &usize| {
            let other = &data.places[*row];
            place[3] == other[3] && place[..3].iter().zip(other).all(|(a, b)| (a - b).abs() < 0.05)
        };
        assert!(rows.iter().any(near), "{place:?}");
    }
}

#[test]
fn every_word_is_kept_though_there_is_room_for_few() {
    let dimensions = dimensions();
    let mut data = data(1000, &dimensions);
    // Words that are worse than all else, long ago.
    for (row, word) in [(3, 0.25), (4, 0.5), (6, 0.75), (7, 1.0)] {
        data.places[row][3] = word;
        data.values[row] = -1000.0;
    }
    let rows = kept(&data, 0, &dimensions, 12);
    assert_eq!(rows.len(), 12);
    for word in [0.0, 0.25, 0.5, 0.75, 1.0] {
        assert!(rows.iter().any(|row| data.places[*row][3] == word), "{word}");
    }
}

#[test]
fn below_the_limit_everything_is_kept_and_earlier_jobs_make_room_first() {
    let dimensions = dimensions();
    let data = data(60, &dimensions);
    assert_eq!(kept(&data, 20, &dimensions, 60), (0..60).collect::<Vec<_>>());
    assert_eq!(sampled(&data, 20, 60), (0..60).collect::<Vec<_>>());
    let rows = kept(&data, 20, &dimensions, 50);
    assert_eq!(rows, sampled(&data, 20, 50));
    assert_eq!(rows.len(), 50);
    assert!((20..60).all(|row| rows.contains(&row)));
    let worst_kept = rows[..10]
        .iter()
        .map(|r| data.values[*r])
        .fold(f64::INFINITY, f64::min);
    let left = (0..20).filter(|row| !rows.contains(row));
    assert!(left.map(|r| data.values[r]).all(|v| v <= worst_kept));
    assert!(kept(&data, 20, &dimensions, 30).iter().all(|row| *row >= 20));
}
