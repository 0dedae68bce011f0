"""Forecasts during a race: the models, their training by rolling origin, their score, and the pit wall.

Belongs here: what reads published gold and writes models, `pit_wall` and `strategy_scorecard`. Needs the extra `strategy`
(scikit-learn, LightGBM and NumPy), so nothing outside imports it before it is used. No Dagster, no SQL on silver.
"""
