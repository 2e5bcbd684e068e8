//! The functions of a C header, as texts in which `$F` is the prefix of functions and `$M` that of macros

/// What every header has: a row of a matrix times a number
pub const ADD_ROW: &str = "\
/* y += x * row */
static inline void $F_add_row(float x, const float *row, float *y, size_t len)
{
    size_t j;

    if (x != 0.0f) {
        for (j = 0; j < len; j++) {
            y[j] += x * row[j];
        }
    }
}
";

/// For nets with robust scaling: the root is found by Newton's method, so that no other function of libc is needed
///
/// With u = |z| / 3, `√(1 + u²)` is u times `√(1 + 1/u²)`, so that the root is always of a number t from 1 to 2. There,
/// the line through (1, 1) and (2, √2) has a relative error below 0.02, and each step squares it and halves it.
pub const CLIP: &str = "\
/* z / sqrt(1 + (z / 3)^2), a smooth way from -3 to 3 */
static inline float $F_clip(float z)
{
    float u = z < 0.0f ? z / -3.0f : z / 3.0f;
    float v = u > 1.0f ? 1.0f / u : u;
    float t = 1.0f + v * v;
    float root = 0.5857864f + 0.4142136f * t;

    root = 0.5f * (root + t / root);
    root = 0.5f * (root + t / root);
    root = 0.5f * (root + t / root);
    if (u > 1.0f) {
        return (z < 0.0f ? -3.0f : 3.0f) / root;
    }
    return z / root;
}
";

/// For nets with a second linear layer
pub const LINEAR: &str = "\
/* y = bias + x * weight; x has `rows` numbers and y `cols` */
static inline void $F_linear(const float *x, const float *weight, const float *bias,
    float *y, size_t rows, size_t cols)
{
    size_t i;

    for (i = 0; i < cols; i++) {
        y[i] = bias[i];
    }
    for (i = 0; i < rows; i++) {
        $F_add_row(x[i], weight, y, cols);
        weight += cols;
    }
}
";

/// Layer normalisation: the root is found by Newton's method, so that expf is all that is needed of libc
///
/// The number is at least ε, 1e-5, so that no division is by 0. From a power of 2 within a factor of 2 of the root, each step
/// about squares the relative error.
pub const LAYER_NORM: &str = "\
/* y = weight * (y - mean) / sqrt(variance + 1e-5) + bias, with the mean and variance of y */
static inline void $F_layer_norm(float *y, const float *weight, const float *bias, size_t len)
{
    float mean = 0.0f, variance = 0.0f, root = 1.0f;
    size_t j;
    int step;

    for (j = 0; j < len; j++) {
        mean += y[j];
    }
    mean /= (float)len;
    for (j = 0; j < len; j++) {
        variance += (y[j] - mean) * (y[j] - mean);
    }
    variance = variance / (float)len + 1e-5f;
    while (root * root > 4.0f * variance) {
        root *= 0.5f;
    }
    while (root < 1e18f && 4.0f * root * root < variance) {
        root *= 2.0f;
    }
    for (step = 0; step < 5; step++) {
        root = 0.5f * (root + variance / root);
    }
    for (j = 0; j < len; j++) {
        y[j] = weight[j] * (y[j] - mean) / root + bias[j];
    }
}
";

/// The first layer, up to the loop over columns
pub const FIRST_START: &str = "\
/* The scaled input times the weights of the first layer; y has $COLS numbers */
static inline void $F_first(const float *input, float *y)
{
    const float *row = $F_weight_0;
    size_t i;

    for (i = 0; i < $COLS; i++) {
        y[i] = $F_bias_0[i];
    }
    for (i = 0; i < $M_INPUTS; i++) {
        float x = input[i];

";

/// In the loop over columns: a pixel
pub const FIRST_PIXEL: &str = "        x /= 255.0f;\n";

/// In the loop over columns: a category, if some are
pub const FIRST_CATEGORY: &str = "        if ($F_categories[i] >= 0) {
            float most = (float)$F_categories[i];

            if (x >= 0.0f && x < most && x == (float)(int)x) {
                $F_add_row(1.0f, row + (size_t)x * $COLS, y, $COLS);
            }
            row += (size_t)$F_categories[i] * $COLS;
            continue;
        }
";

/// In the loop over columns: a missing number, if there may be some
pub const FIRST_FILL: &str = "        if (x != x) {
            x = $F_fill[i];
        }
";

/// In the loop over columns: the scale of a number
pub const FIRST_SCALE: &str = "        x = (x - $F_center[i]) * $F_factor[i];\n";

/// In the loop over columns: the smooth clipping
pub const FIRST_CLIP: &str = "        x = $F_clip(x);\n";

/// The first layer, from the end of the loop over columns
pub const FIRST_END: &str = "        $F_add_row(x, row, y, $COLS);
        row += $COLS;
    }
}
";

/// The prediction of targets
pub const PREDICT_TARGETS: &str = "\
/* Stores the $M_TARGETS targets, in the order of $F_target_names */
static inline void $F_predict(const float *input, float *targets)
{
    int k;

    $F_standardised(input, targets);
    for (k = 0; k < $M_TARGETS; k++) {
        targets[k] = $F_target_center[k] + $F_target_scale[k] * targets[k];
    }
}
";

/// The prediction from the logits
pub const PREDICT: &str = "\
/* Returns the most probable class; also stores the $M_CLASSES probabilities, if not NULL */
static inline int $F_predict(const float *input, float *probabilities)
{
    float logits[$M_CLASSES];
    float sum = 0.0f;
    int best = 0;
    int k;

    $F_logits(input, logits);
    for (k = 1; k < $M_CLASSES; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    if (probabilities) {
        for (k = 0; k < $M_CLASSES; k++) {
            probabilities[k] = expf(logits[k] - logits[best]);
            sum += probabilities[k];
        }
        for (k = 0; k < $M_CLASSES; k++) {
            probabilities[k] /= sum;
        }
    }
    return best;
}
";
