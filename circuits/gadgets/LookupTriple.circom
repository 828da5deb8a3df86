// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      (x, y, z) is a row of the three-column table whose LogUp sum receives r2_g.
// Public       c, the pole; rho, which joins the columns by Horner's rule.
// Private      x, y, z: round 1 or weights, affine.
// Out          r2_g = 1 / (c - x - rho * y - rho^2 * z).
// Constraints  3.
// Caller       as for `LookupPair`; no row occurs twice.
template LookupTriple() {
    signal input c;
    signal input rho;
    signal input x;
    signal input y;
    signal input z;
    signal r2_y;
    signal r2_x;
    signal output r2_g;

    r2_y <== z * rho + y;
    r2_x <== r2_y * rho + x;
    r2_g <-- 1 / (c - r2_x);
    r2_g * (c - r2_x) === 1;
}
