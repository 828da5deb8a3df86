// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      rho^2, for the rows of three-column tables.
// Public       rho.
// Out          r2_square.
// Constraints  1.
// Caller       nothing.
template RhoSquare() {
    signal input rho;
    signal output r2_square;

    r2_square <== rho * rho;
}
