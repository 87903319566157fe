//! Unit tests of `dropout`.

use super::*;

fn lanes(step: u64) -> Lanes {
    Lanes::new(&mut Stream::new(1, Purpose::Dropout, step))
}

#[test]
fn every_instruction_set_draws_the_same() {
    for n in [1, 31, 32, 33, 1000] {
        let (mut fast, mut plain) = (vec![0_u16; n], vec![0_u16; n]);
        lanes(3).fill(&mut fast, 58_982, 7);
        lanes(3).fill_plain(&mut plain, 58_982, 7);
        assert_eq!(fast, plain);
        assert!(n < 1000 || fast.contains(&0));
    }
}

#[test]
fn the_mean_of_a_mask_is_one() {
    for (kind, p) in [
        (Kind::BFloat16, 0.1),
        (Kind::Float, 0.1),
        (Kind::BFloat16, 0.5),
        (Kind::Float, 0.3),
    ] {
        let mut dropout = Dropout::new(5, 9, kind, Device::Cpu);
        let ones = Tensor::ones([1000, 1000], (kind, Device::Cpu));
        let mask = dropout.applied(ones, p).to_kind(Kind::Double);
        let mean = mask.mean(Kind::Double).double_value(&[]);
        let dropped = mask
            .eq(0.0)
            .to_kind(Kind::Double)
            .mean(Kind::Double)
            .double_value(&[]);
        // The draws are the same everywhere. A million of them: the mean's standard deviation is 1e-3 or less, that of
        // the share 5e-4 or less, and in 16 bits the share is 1.4e-3 below p on purpose.
        assert!((mean - 1.0).abs() < 2e-3, "{kind:?} {p}: mean {mean}");
        assert!((dropped - p).abs() < 3e-3, "{kind:?} {p}: dropped {dropped}");
    }
}

#[test]
fn no_dropout_changes_nothing_and_draws_nothing() {
    let draw = |before: f64| {
        let mut dropout = Dropout::new(1, 0, Kind::Float, Device::Cpu);
        let ones = || Tensor::ones([256], (Kind::Float, Device::Cpu));
        let first = dropout.applied(ones(), before);
        (first, Vec::<f32>::try_from(dropout.applied(ones(), 0.5)).unwrap())
    };
    assert_eq!(Vec::<f32>::try_from(draw(0.0).0).unwrap(), [1.0; 256]);
    assert_ne!(draw(0.0).1, draw(0.5).1);
}

#[test]
fn a_sum_has_the_dropout_of_its_second_term() {
    let ones = Tensor::ones([256], (Kind::Float, Device::Cpu));
    let new = || Dropout::new(1, 0, Kind::Float, Device::Cpu);
    let sum = new().added(&(&ones * 3.0), ones.copy(), 0.5);
    let applied = new().applied(ones, 0.5);
    assert_eq!(
        Vec::<f32>::try_from(sum).unwrap(),
        Vec::<f32>::try_from(applied + 3.0).unwrap()
    );
}

#[test]
fn steps_differ_and_repeat() {
    let draw = |seed, step| {
        let ones = Tensor::ones([256], (Kind::Float, Device::Cpu));
        let mask = Dropout::new(seed, step, Kind::Float, Device::Cpu).applied(ones, 0.5);
        Vec::<f32>::try_from(mask).unwrap()
    };
    assert_eq!(draw(1, 4), draw(1, 4));
    assert_ne!(draw(1, 4), draw(1, 5));
    assert_ne!(draw(1, 4), draw(2, 4));
}

#[test]
fn neighbouring_decisions_are_independent() {
    let mut bits = vec![0_u16; 1 << 20];
    lanes(0).fill(&mut bits, 1 << 15, 1);
    for distance in [1, 2, 8, 32, 64] {
        let same = bits.iter().zip(&bits[distance..]).filter(|(a, b)| a == b).count() as f64;
        let share = same / (bits.len() - distance) as f64;
        // Six standard deviations of a million draws, which are the same everywhere.
        assert!((share - 0.5).abs() < 3e-3, "distance {distance}: {share}");
    }
}
