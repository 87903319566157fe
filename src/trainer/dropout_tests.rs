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
        let mask = dropout.mask(p, &[1000, 1000]).unwrap().to_kind(Kind::Double);
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
fn no_dropout_needs_no_mask() {
    assert!(
        Dropout::new(1, 0, Kind::Float, Device::Cpu)
            .mask(0.0, &[4])
            .is_none()
    );
}

#[test]
fn steps_differ_and_repeat() {
    let draw = |seed, step| {
        let mask = Dropout::new(seed, step, Kind::Float, Device::Cpu).mask(0.5, &[256]);
        Vec::<f32>::try_from(mask.unwrap()).unwrap()
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
