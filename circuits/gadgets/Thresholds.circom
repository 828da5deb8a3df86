// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      above[j] = 1 if x > thresholds[j], for ascending thresholds: all comparisons of a forest with one feature.
// Private      x: affine, in [lo, hi]; above[n]. n >= 1.
// Out          lower, upper: what must not be negative, affine.
// Constraints  n + 1.
// Caller       proves lower and upper >= 0 loosely; lo <= x <= hi holds already.
template Thresholds(n, thresholds, lo, hi) {
    signal input x;
    signal input above[n];
    signal output lower;
    signal output upper;

    // The bins between the thresholds are differences of neighbours. Each is boolean and they add up to 1: so one is hot, and above[]
    // is 1 up to it and 0 beyond. x then lies in the hot bin, or one of the two sides is negative.
    (1 - above[0]) * above[0] === 0;
    var least = lo;
    var most = thresholds[0];
    for (var j = 0; j < n; j++) {
        var next = j == n - 1 ? 0 : above[j == n - 1 ? 0 : j + 1];
        var end = j == n - 1 ? hi : thresholds[j == n - 1 ? 0 : j + 1];
        (above[j] - next) * (above[j] - next - 1) === 0;
        least += above[j] * (thresholds[j] + 1 - (j == 0 ? lo : thresholds[j == 0 ? 0 : j - 1] + 1));
        most += above[j] * (end - thresholds[j]);
    }
    lower <== x - least;
    upper <== most - x;
}
