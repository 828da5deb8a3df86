// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      The index of the largest of x[0..n-1]; of equals, the lowest.
// Private      x[n]: affine; hot[n-1]: whether index 1.. is the one; index 0 is the one if none of them is. n >= 2.
// Out          index; gap[n]: what must not be negative; both affine.
// Constraints  2 * n.
// Caller       proves every gap >= 0 loosely. gap[j] = most - x[j] - (1 if the index is above j): an earlier equal would leave -1.
template Argmax(n) {
    signal input x[n];
    signal input hot[n - 1];
    signal output index;
    signal output gap[n];
    signal chosen[n];

    // One hot: each of n is boolean and they add up to 1.
    var rest = 1;
    var sum = 0;
    for (var i = 1; i < n; i++) {
        hot[i - 1] * (hot[i - 1] - 1) === 0;
        rest -= hot[i - 1];
        sum += i * hot[i - 1];
    }
    rest * (rest - 1) === 0;
    index <== sum;

    var most = 0;
    for (var i = 0; i < n; i++) {
        chosen[i] <== (i == 0 ? rest : hot[i == 0 ? 0 : i - 1]) * x[i];
        most += chosen[i];
    }
    var later = 0;
    for (var j = n - 1; j >= 0; j--) {
        gap[j] <== most - x[j] - later;
        later += j == 0 ? rest : hot[j == 0 ? 0 : j - 1];
    }
}
