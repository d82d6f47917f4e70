"""Declarations of the tables about what fitted models have learned."""

from __future__ import annotations

from whatif_assets.domain.base.columns import (
    DAY,
    JSON,
    NUMBER,
    TEXT,
    WHOLE,
    Column,
    Table,
)
from whatif_assets.home.figure_columns import columns_of
from whatif_assets.home.shared_columns import ALGORITHM, CONFIGURATION

FOLD = Column("fold", WHOLE, "number of the fold")
FEATURE = Column("feature", TEXT, "column of the feature")
_SCORES = tuple(
    Column(f"{of}_{name}", NUMBER, f"{about} {where}")
    for of, where in (("train", "in training"), ("test", "out of sample"))
    for name, about in (
        ("rmse", "root mean squared error"),
        ("skill", "1 less squared error over that of forecasting no change,"),
        ("ic", "rank correlation of forecast and true change over all rows"),
    )
)

SEARCH_SCORES = Table(
    "search_scores",
    "a setting that a search tried, in a fold of the training set",
    (
        FOLD,
        Column("settings", JSON, "settings that were tried"),
        Column("cv_fold", WHOLE, "number of the fold within the training set"),
        Column("rmse", NUMBER, "error there; the mean, where parts have their models"),
    ),
    axis=CONFIGURATION,
)
MODEL_TABLES = (
    Table(
        "model_cards",
        "what a trained model is, and how it did",
        (
            FOLD,
            ALGORITHM,
            Column("backend", TEXT, "where it was fitted: local or spark"),
            Column("models", WHOLE, "number of models: 1, or one per symbol or group"),
            Column(
                "settings",
                JSON,
                "settings that the only model was fitted with; those of several are in "
                "trained_models",
            ),
            Column("seed", WHOLE, "seed of its random numbers"),
            Column("features", JSON, "columns of the features, in order"),
            Column("label", JSON, "definition of the label"),
            *columns_of(DAY, "train_first", "train_last", "test_first", "test_last"),
            Column("train_rows", WHOLE, "rows that the model was fitted on"),
            Column("test_rows", WHOLE, "forecasts whose label is known"),
            Column(
                "novel",
                NUMBER,
                "share of the rows of the test without a forecast, as they are unlike "
                "the training rows; 0 without the field novelty",
            ),
            *_SCORES,
            Column(
                "stability",
                NUMBER,
                "rank correlation of the features' permutation importance with that in "
                "the fold before; null in the first fold",
            ),
            Column(
                "drifted",
                WHOLE,
                "features whose population stability index is above 0.25",
            ),
            Column("code", TEXT, "version of the algorithm's code"),
            Column("data", TEXT, "hash of the features and bars of all training sets"),
            Column("libraries", JSON, "versions of the libraries that fitted it"),
        ),
        axis=CONFIGURATION,
        beside=(
            "feature_importance",
            "feature_drift",
            "partial_dependence",
            "learning_curve",
        ),
    ),
    Table(
        "feature_importance",
        "how much the model of a fold relies on a feature",
        (
            FOLD,
            FEATURE,
            Column("importance", NUMBER, "share, as the algorithm counts in training"),
            Column(
                "permutation",
                NUMBER,
                "rise of the error out of sample, with the feature shuffled; 0.1: 10 %",
            ),
            Column(
                "shapley",
                NUMBER,
                "share of the mean absolute Shapley values out of sample",
            ),
        ),
        axis=CONFIGURATION,
    ),
    Table(
        "feature_drift",
        "how far a feature in the test of a fold differs from its training",
        (
            FOLD,
            FEATURE,
            Column("stability_index", NUMBER, "population stability index"),
            Column("ks", NUMBER, "Kolmogorov-Smirnov distance, from 0 to 1"),
            Column("train_mean", NUMBER, "mean in training"),
            Column("test_mean", NUMBER, "mean in the test"),
            Column("train_std", NUMBER, "standard deviation in training"),
            Column("test_std", NUMBER, "standard deviation in the test"),
        ),
        axis=CONFIGURATION,
    ),
    Table(
        "partial_dependence",
        "the mean forecast of the last fold's model with one feature set to a value",
        (
            FOLD,
            FEATURE,
            Column("quantile", NUMBER, "quantile of the value in training"),
            Column("value", NUMBER, "value of the feature"),
            Column("forecast", NUMBER, "mean forecast, in the unit of the label"),
        ),
        axis=CONFIGURATION,
    ),
    Table(
        "learning_curve",
        "the last fold's model, fitted on its latest sessions only",
        (
            FOLD,
            Column("sessions", WHOLE, "number of training sessions"),
            Column("train_rows", WHOLE, "rows that the model was fitted on"),
            Column("train_rmse", NUMBER, "error in training"),
            Column("train_ic", NUMBER, "rank correlation in training"),
            Column("test_rmse", NUMBER, "error out of sample"),
            Column("test_ic", NUMBER, "rank correlation out of sample"),
        ),
        axis=CONFIGURATION,
    ),
)
