// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      One step of the fingerprint v of the boundary words: v <- v * rho + word.
// Public       rho.
// Private      r2_before: the sum so far; word: affine over round 1.
// Out          r2_v.
// Constraints  1.
// Caller       every byte of every word is range-checked, else words alias.
template HornerStep() {
    signal input rho;
    signal input r2_before;
    signal input word;
    signal output r2_v;

    r2_v <== r2_before * rho + word;
}
