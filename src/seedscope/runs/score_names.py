"""The names of scores that are known: all of Keras' metrics and losses, the field's.

Whole words joined by underscores. A line that is missing here is unknown to the whole
project: nothing else looks at the letters of a name.
"""

import math


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FRACTION = "fraction"  # of 1, that people write in percent
PARTS = {
    **dict.fromkeys(("train", "training", "batch", "batch_reported"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval"), "val"),
    **dict.fromkeys(("test", "testing", "holdout"), "test"),
}
TIMES = ("s", "ms", "min", "h")
NO_BOUNDS = (-math.inf, math.inf)
_GROUPS = (  # direction, unit, bounds, names
    (
        "higher",
        FRACTION,
        (0.0, 1.0),
        "accuracy acc binary_accuracy categorical_accuracy sparse_categorical_accuracy "
        "top_k_categorical_accuracy sparse_top_k_categorical_accuracy "
        "balanced_accuracy top1 top5 top_1 top_5 top_k",
    ),
    (
        "higher",
        "",
        (0.0, 1.0),
        "auc auroc roc_auc auprc pr_auc average_precision ap map precision recall "
        "sensitivity specificity tpr tnr true_positive_rate true_negative_rate f1 "
        "f1_score fbeta f_beta f_beta_score fbeta_score f_score f_measure iou io_u "
        "miou mean_io_u binary_io_u one_hot_io_u one_hot_mean_io_u jaccard "
        "dice_score dice_coefficient dice_coef precision_at_recall recall_at_precision "
        "sensitivity_at_specificity specificity_at_sensitivity ndcg mrr hits hit_rate "
        "success_rate win_rate exact_match em pass purity nmi",
    ),
    (
        "higher",
        "",
        (-1.0, 1.0),
        "mcc matthews_corrcoef matthews_correlation kappa cohen_kappa pearson "
        "pearson_correlation pearsonr spearman spearman_correlation spearmanr kendall "
        "kendall_tau concordance_correlation ccc correlation cosine_similarity ssim "
        "ms_ssim silhouette gini",
    ),
    ("higher", "", (-math.inf, 1.0), "r2 r2_score r_squared explained_variance nse"),
    (
        "higher",
        "",
        (0.0, 100.0),
        "bleu sacrebleu rouge rouge1 rouge2 rouge_1 rouge_2 rouge_l rougel "
        "rouge_lsum rougelsum meteor chrf bertscore bert_score mos",
    ),
    (
        "higher",
        "",
        (0.0, math.inf),
        "true_positives true_negatives inception_score cider spice throughput fps "
        "frames_per_second",
    ),
    (
        "higher",
        "",
        NO_BOUNDS,
        "psnr snr si_sdr sdr pesq stoi return returns reward rewards elo comet bleurt "
        "likelihood log_likelihood loglikelihood elbo",
    ),
    (
        "lower",
        "",
        (0.0, math.inf),
        "error errors err error_rate misclassification_rate wer cer per ter mer der "
        "mse mae rmse mape smape mase msle rmsle mean_squared_error "
        "mean_absolute_error "
        "root_mean_squared_error mean_absolute_percentage_error "
        "mean_squared_logarithmic_error log_cosh log_cosh_error logcosh huber "
        "squared_error absolute_error binary_crossentropy categorical_crossentropy "
        "sparse_categorical_crossentropy binary_focal_crossentropy "
        "categorical_focal_crossentropy categorical_generalized_cross_entropy "
        "crossentropy cross_entropy xent bce cce hinge squared_hinge "
        "categorical_hinge kl_divergence kld kl divergence circle ctc log_loss "
        "logloss zero_one_loss hamming_loss perplexity ppl bpc bpb bpd "
        "bits_per_character bits_per_char bits_per_byte bits_per_dim fid kid lpips "
        "fad crps pinball quantile_loss brier brier_score ece mce calibration_error "
        "false_positives false_negatives false_positive_rate false_negative_rate "
        "false_alarm_rate fpr fnr eer ade fde edit_distance mpjpe epe davies_bouldin "
        "samples time latency runtime duration wall_time cost",
    ),
    ("lower", "", NO_BOUNDS, "loss losses nll negative_log_likelihood poisson regret"),
    (
        "lower",
        "s",
        (0.0, math.inf),
        "seconds secs sec time_s time_sec time_secs latency_s duration_s runtime_s",
    ),
    ("lower", "ms", (0.0, math.inf), "milliseconds time_ms latency_ms duration_ms"),
    ("lower", "min", (0.0, math.inf), "minutes time_min duration_min"),
    ("lower", "h", (0.0, math.inf), "hours time_h duration_h"),
    # Keras' names of which no direction follows: loss and metric of one name, sums.
    (None, "", NO_BOUNDS, "dice tversky mean sum metric mean_metric_wrapper"),
)
AFTER = _words(  # words that may follow the name of a score and change nothing
    "mean avg average final last best macro micro weighted epoch step overall total "
    "score value"
)
TURNED = {"neg", "negative", "negated", "minus"}  # before a name: the other way round
APART = _words(  # before a name: another quantity, of which nothing is known
    "no non not anti delta diff difference change relative num number n count log "
    "one inverse target threshold weight"
)
RATES = _words(  # what is done in a second, the more the better
    "samples examples images tokens steps frames items sentences words requests "
    "queries it iterations batches epochs sequences records rows updates"
)
PER_TIME = _words("second seconds sec s minute minutes min hour hours h day")
KNOWN = {  # name -> direction, unit, bounds
    name: (direction, unit, bounds)
    for direction, unit, bounds, names in _GROUPS
    for name in names.split()
}
