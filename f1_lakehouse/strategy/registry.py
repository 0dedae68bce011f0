"""The models, in an order in which each comes after those that it needs. A new model is one more entry (docs/strategy.md)."""

from f1_lakehouse.strategy.model import Model
from f1_lakehouse.strategy.pace import PACE
from f1_lakehouse.strategy.projection import PROJECTION
from f1_lakehouse.strategy.rejoin import REJOIN
from f1_lakehouse.strategy.remaining import REMAINING_TIME
from f1_lakehouse.strategy.stops import PIT_LOSS, STOP_HAZARD
from f1_lakehouse.strategy.undercut import UNDERCUT

MODELS: tuple[Model, ...] = (*PACE, STOP_HAZARD, PIT_LOSS, REJOIN, UNDERCUT, *PROJECTION, REMAINING_TIME)
