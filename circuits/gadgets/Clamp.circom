// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      y = clamp(floor(t / 2^shift), lo, hi), without a table (forms R and RT of zk.md section 4).
// Private      t: affine; y; under = max(0, lo - h), over = max(0, h - hi), where h = floor(t / 2^shift).
// Out          rest = t - 2^shift * (y + over - under), affine.
// Constraints  2; 1 or 0 where `under` or `over` is the constant 0.
// Caller       proves rest in [0, 2^shift) exactly, y in [lo, hi] exactly (on a side where the bounds on t cannot reach beyond, loosely),
//              under and over >= 0 within bounds that cannot make the sum wrap around the field. A loose `rest` shifts y; an
//              unranged y takes the fraction (t - rest) / 2^shift.
template Clamp(shift, lo, hi) {
    signal input t;
    signal input y;
    signal input under;
    signal input over;
    signal output rest;

    rest <== t - 2 ** shift * (y + over - under);
    // Only the lowest value may stand for something lower, only the highest for something higher: else y could be moved freely.
    under * (y - lo) === 0;
    over * (hi - y) === 0;
}
