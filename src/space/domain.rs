//! The values that a parameter may take, and how distances are measured among them.

/// How far from its position, as a share of the range, a double may lie for the sake of fewer digits: far below what any
/// training run could tell apart, and people read, type and compare `6.471e-5`.
pub(super) const RESOLUTION: f64 = 2e-4;

/// How distances are measured inside a numeric range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally far apart.
    #[default]
    Linear,
    /// Equal ratios are equally far apart; needs `min > 0`.
    Log,
    /// Equal ratios of the distance to one are equally far apart; needs `0 <= min` and `max < 1`.
    /// Meant for values close to one, such as a momentum: 0.9, 0.99, 0.999.
    ReverseLog,
}

/// The values that a parameter may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Any double in `min..=max`.
    Double {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// How distances are measured.
        scale: Scale,
    },
    /// `min, min + step, …` up to `max`.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value; reached only where a whole number of steps leads there.
        max: i64,
        /// Distance between neighbours, at least 1.
        step: i64,
        /// How distances are measured.
        scale: Scale,
    },
    /// Numbers with an order but no metric: neighbours are equally far apart.
    Discrete {
        /// The values, ascending and distinct.
        values: Vec<f64>,
    },
    /// Words without an order: any two are equally far apart.
    Categorical {
        /// The values, distinct.
        values: Vec<String>,
    },
}

impl Scale {
    /// Position in `[0, 1]` of a value of the range.
    pub(super) fn position(self, x: f64, min: f64, max: f64) -> f64 {
        if max <= min {
            return 0.0;
        }
        let warp = |v: f64| match self {
            Self::Linear => v,
            Self::Log => libm::log(v),
            Self::ReverseLog => -libm::log(1.0 - v),
        };
        ((warp(x) - warp(min)) / (warp(max) - warp(min))).clamp(0.0, 1.0)
    }

    /// The value at a position, rounded within [`RESOLUTION`]; the ends of the range are themselves, and a
    /// rounded value stays where it is when it is rounded again.
    pub(super) fn rounded_at(self, u: f64, min: f64, max: f64) -> f64 {
        let exact = self.value_at(u, min, max).clamp(min, max);
        // A change by this much, of the value or in proportion to it, moves the position by the resolution.
        let twice = 2.0 * RESOLUTION;
        let decimals = |tolerance: f64| libm::ceil(-libm::log10(tolerance)).clamp(0.0, 300.0) as usize;
        let exponent = |x: f64| libm::floor(libm::log10(x));
        let rounded = match self {
            Self::Linear => format!("{exact:.*}", decimals(twice * (max - min))),
            Self::Log => format!("{exact:.*e}", decimals(twice * libm::log(max / min))),
            Self::ReverseLog => {
                let digits = decimals(twice * libm::log((1.0 - min) / (1.0 - max)));
                format!("{exact:.*}", digits + (-exponent(1.0 - exact)).max(0.0) as usize)
            }
        };
        let inside = 0.0 < u && u < 1.0;
        rounded
            .parse()
            .ok()
            .filter(|x| inside && min <= *x && *x <= max)
            .unwrap_or(match u {
                0.0 => min,
                1.0 => max,
                _ => exact,
            })
    }

    /// The value at a position.
    pub(super) fn value_at(self, u: f64, min: f64, max: f64) -> f64 {
        match self {
            Self::Linear => min + u * (max - min),
            Self::Log => libm::exp(libm::log(min) + u * (libm::log(max) - libm::log(min))),
            Self::ReverseLog => {
                let (a, b) = (-libm::log(1.0 - min), -libm::log(1.0 - max));
                1.0 - libm::exp(-(a + u * (b - a)))
            }
        }
    }
}
