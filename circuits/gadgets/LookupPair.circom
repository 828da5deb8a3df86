// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      (x, y) is a row of the two-column table whose LogUp sum receives r2_g.
// Public       c, the pole; rho, which joins the columns. Independent: were rho = c^2, quadratics in c would share roots.
// Private      x, y: round 1 or weights, affine.
// Out          r2_g = 1 / (c - x - rho * y).
// Constraints  2.
// Caller       as for `Lookup`; the table's first column has no key twice, so y is a function of x. x and y are never packed into one
//              column: an unranged y would then spill into x.
template LookupPair() {
    signal input c;
    signal input rho;
    signal input x;
    signal input y;
    signal r2_y;
    signal output r2_g;

    r2_y <== y * rho;
    r2_g <-- 1 / (c - x - r2_y);
    r2_g * (c - x - r2_y) === 1;
}
