"""Goals and limits are bound to the right tissue, and mistakes are explained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.goals import (
    CORE,
    EVERYWHERE_ELSE,
    TEMPLATES,
    Goal,
    Hottest,
    contradictions,
    find_metric,
    resolve,
    template,
)
from thermoplan.goals.metrics.dose_map import DoseMapMetric
from thermoplan.goals.metrics.dose_of_course import CourseDoseMetric
from thermoplan.goals.metrics.temperature import TemperatureMetric
from thermoplan.goals.metrics.volume import DosedVolumeMetric, HotVolumeMetric

_CUBE = ((0, 1, 3, 7), (0, 1, 7, 5), (0, 5, 7, 4), (0, 3, 2, 7), (0, 6, 4, 7), (0, 2, 6, 7))


def box(shape=(12, 6, 6), spacing_m=1e-3, regions=None) -> Anatomy:
    """A box of cubes cut in six; ``regions`` maps a name to a function of the centroids."""
    nx, ny, nz = (n + 1 for n in shape)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in (nx, ny, nz)), indexing="ij"), -1).reshape(-1, 3)
    corner = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1).reshape(-1, 3)
    steps = np.array([(i >> 2 & 1, i >> 1 & 1, i & 1) for i in range(8)])
    number = (corner[:, None] + steps) @ np.array([ny * nz, nz, 1])
    tets = np.concatenate([number[:, list(t)] for t in _CUBE])
    points = grid * spacing_m
    edges = points[tets[:, 1:]] - points[tets[:, :1]]
    flip = np.linalg.det(edges) < 0
    tets[flip] = tets[flip][:, [0, 1, 3, 2]]
    region = np.zeros(len(tets), int)
    centre = points[tets].mean(axis=1)
    names = ["body", *(regions or {})]
    for i, inside in enumerate((regions or {}).values(), start=1):
        region[inside(centre)] = i
    return Anatomy(points, tets, region, tuple(names), tuple(names))


def mouse() -> Anatomy:
    return box(regions={"tumour": lambda c: (c[:, 0] > 1e-3) & (c[:, 0] < 3e-3), "liver": lambda c: c[:, 0] > 9e-3})


TUMOUR = Goal("goal", ("tumour",), "CEM43T90", 10.0, "at_least")


def test_a_metric_name_is_family_and_statistic():
    assert find_metric("T90") == TemperatureMetric(90.0)
    assert find_metric("CEM43max") == find_metric("CEM43Dmax") == DoseMapMetric("max")
    assert find_metric("CEM43T90") == CourseDoseMetric(90.0)
    assert find_metric("Tmean").scale.unit == "degC" and find_metric("CEM43D90").scale.unit == "min"


def test_the_dose_called_max_is_of_the_hottest_cubic_millimetre_and_peak_is_of_one_node():
    """A node of 0.1 mm3 at 2.01 min among tissue at 1.5: the mean of the hottest 1 mm3 is 1.551, the peak 2.01."""
    doses, volumes_m3 = np.array([1.5, 2.01, 1.5]), np.array([5e-9, 0.1e-9, 5e-9])
    largest, peak = (find_metric(name).over_region(doses, volumes_m3) for name in ("CEM43max", "CEM43peak"))
    assert largest == pytest.approx(0.1 * 2.01 + 0.9 * 1.5) and peak == 2.01
    limits = [Goal("limit", ("liver",), name, 2.0, "at_most") for name in ("CEM43max", "CEM43peak")]
    assert [limit.met(value) for limit, value in zip(limits, (largest, peak), strict=True)] == [True, False]


@pytest.mark.parametrize("miss", [0.001, 0.049])
def test_a_goal_is_met_at_its_bound_and_missed_just_beyond(miss):
    least, most = (Goal("goal", ("tumour",), "T90", 43.0, sense) for sense in ("at_least", "at_most"))
    assert least.met(43.0) and most.met(43.0)
    assert not least.met(43.0 - miss) and not most.met(43.0 + miss)
    assert least.met(43.0 + miss) and most.met(43.0 - miss)


@pytest.mark.parametrize("name", ["T0", "T100", "CEM4390", "Tx", "cem43max", ""])
def test_an_unknown_metric_is_refused_with_the_known_ones(name):
    with pytest.raises(InputError, match="CEM43T90"):
        find_metric(name)


def test_all_mistakes_of_a_goal_are_told_at_once():
    with pytest.raises(InputError) as error:
        Goal("wish", ("tumour",), "CEM43T90", -1.0, "above")
    assert len(error.value.complaints) == 3


def test_row_weights_sum_to_the_volume_of_the_region():
    row = resolve([TUMOUR], mouse()).rows[0]
    assert row.weights_m3.sum() == pytest.approx(2 * 6 * 6 * 1e-9)


def test_a_goal_over_two_regions_gives_two_rows():
    limit = Goal("limit", ("liver", "body"), "Tmax", 42.0, "at_most")
    rows = resolve([limit], mouse(), defaults=False).rows
    assert [row.region for row in rows] == ["liver", "body"]


def test_everywhere_else_keeps_the_margin_and_leaves_limited_organs_out():
    anatomy = mouse()
    rows = resolve([TUMOUR], anatomy).rows
    elsewhere = next(row for row in rows if row.region == EVERYWHERE_ELSE)
    x = anatomy.points_m[elsewhere.nodes, 0]
    skin = {row.region: row for row in rows}["skin"]
    assert x.min() > 3e-3 + 3e-3 and x.max() <= 9e-3 + 1e-12
    volume = elsewhere.weights_m3.sum()
    interior = anatomy.volume_m3("body") - volume
    assert 0 < volume < interior
    assert skin.weights_m3.sum() == pytest.approx(anatomy.volume_m3("skin"))


def test_default_limits_stand_for_regions_that_no_limit_names():
    own = Goal("limit", ("liver",), "CEM43max", 5.0, "at_most")
    rows = resolve([TUMOUR, own], mouse()).rows
    limits = {(row.region, row.goal.metric): row.goal for row in rows if row.goal.kind == "limit"}
    assert limits["liver", "CEM43max"].bound == 5.0 and ("liver", "Tmax") not in limits
    assert limits[EVERYWHERE_ELSE, "Tmax"].bound == 42.0 and limits[EVERYWHERE_ELSE, "CEM43max"].bound == 9.0
    assert limits["skin", "CEM43max"].bound == 21.0
    assert limits["tumour", "Tmax"].bound == 50.0
    assert limits[CORE, "Tmax"].bound == 39.5 and limits[CORE, "Tmax"].default and limits[CORE, "Tmax"].source


def test_a_target_organ_has_no_organ_limit():
    goal = Goal("goal", ("liver",), "T90", 43.0, "at_least")
    limits = [row for row in resolve([goal], mouse()).rows if row.goal.kind == "limit"]
    assert [row.goal.bound for row in limits if row.region == "liver"] == [50.0]


def test_core_is_the_last_degree_of_freedom_and_absent_when_blood_is_fixed():
    anatomy = mouse()
    core = next(row for row in resolve([TUMOUR], anatomy).rows if row.region == CORE)
    assert core.nodes.tolist() == [len(anatomy.points_m)]
    assert all(row.region != CORE for row in resolve([TUMOUR], anatomy, core=False).rows)
    with pytest.raises(InputError, match="pool"):
        resolve([Goal("limit", (CORE,), "Tmax", 39.5, "at_most")], anatomy, core=False)


def test_a_limit_that_touches_a_target_is_noted():
    notes = resolve([TUMOUR, Goal("limit", ("body",), "Tmax", 42.0, "at_most")], mouse()).notes
    assert any("body touches a target" in note for note in notes)
    assert not any("liver touches" in note for note in notes)


def test_a_region_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(InputError, match=r'"brain".*tumour'):
        resolve([Goal("goal", ("brain",), "T90", 43.0, "at_least")], mouse())


def test_a_region_without_elements_is_refused():
    anatomy = box(regions={"tumour": lambda c: c[:, 0] < 2e-3, "ghost": lambda c: c[:, 0] < 0})
    with pytest.raises(InputError, match="ghost"):
        resolve([TUMOUR, Goal("goal", ("ghost",), "T90", 43.0, "at_least")], anatomy)


def limit(metric: str, bound: float, region="tumour") -> Goal:
    return Goal("limit", (region,), metric, bound, "at_most")


def wish(metric: str, bound: float) -> Goal:
    return Goal("goal", ("tumour",), metric, bound, "at_least")


@pytest.mark.parametrize(
    ("goal", "bound", "clash"),
    [
        (wish("T90", 44.0), limit("Tmax", 43.0), True),
        (wish("T90", 43.0), limit("Tmax", 44.0), False),
        (wish("T10", 44.0), limit("T90", 43.0), False),
        (wish("CEM43T90", 60.0), limit("CEM43max", 21.0), True),
        # 42 degC for 30 min is 30/4 = 7.5 CEM43, with the cool-down not 9
        (wish("CEM43T90", 9.0), limit("Tmax", 42.0), True),
        (wish("CEM43T90", 7.0), limit("Tmax", 42.0), False),
        # a third of 30 min at 44 degC is 20 CEM43
        (wish("T90", 44.0), limit("CEM43max", 19.0), True),
        (wish("T90", 44.0), limit("CEM43max", 21.0), False),
        (wish("T90", 44.0), limit("Tmax", 43.0, "liver"), False),
        (wish("T90", 44.0), limit("Tmax", 36.0, "liver"), True),
    ],
)
def test_goals_that_no_plan_can_meet_together_are_told_before_any_solve(goal, bound, clash):
    assert bool(contradictions([goal, bound], 1800.0, 36.5)) is clash


def test_goals_of_two_priorities_may_contradict_since_one_yields():
    warm, cool = Goal("goal", ("tumour",), "T90", 45.0, "at_least"), Goal("goal", ("tumour",), "Tmax", 44.0, "at_most")
    assert len(contradictions((warm, cool), 1800.0, 37.0)) == 1
    assert contradictions((warm, replace(cool, priority=2)), 1800.0, 37.0) == ()
    assert len(contradictions((warm, replace(cool, kind="limit", priority=2)), 1800.0, 37.0)) == 1


@pytest.mark.parametrize(
    ("goal", "bound", "clash"),
    [
        # 90 % of the volume above 43 degC is T90 of 43, and no more than a tenth of it T10 of 43
        (wish("V43C", 90.0), limit("T90", 42.9), True),
        (wish("V43C", 90.0), limit("T50", 42.9), True),
        (wish("V43C", 90.0), limit("V43C", 50.0), True),
        (wish("V43C", 40.0), limit("V43C", 50.0), False),
        (wish("V60CEM43", 90.0), limit("CEM43D90", 50.0), True),
        (wish("Tmean", 44.0), limit("Tmean", 43.0), True),
        # the other tenth may be cold enough for any mean
        (wish("T90", 44.0), limit("Tmean", 43.0), False),
        (wish("T90", 44.0), limit("Thot5mm3", 43.0), False),
        (wish("Tmin", 44.0), limit("Thot5mm3", 43.0), True),
    ],
)
def test_volumes_and_means_contradict_only_what_they_must(goal, bound, clash):
    assert bool(contradictions([goal, bound], 1800.0, 36.5)) is clash


def test_a_volume_is_searched_as_the_percentile_that_must_lie_at_its_edge():
    assert (wish("V43C", 90.0).searched.metric, wish("V43C", 90.0).searched.bound) == ("T90", 43.0)
    assert (limit("V60CEM43", 5.0).searched.metric, limit("V60CEM43", 5.0).searched.bound) == ("CEM43D5", 60.0)
    assert wish("V43C", 100.0).searched.metric == "Tmin" and limit("V43C", 0.0).searched.metric == "Tmax"
    assert wish("T90", 43.0).searched.metric == "T90"


def test_metric_names_carry_volumes_temperatures_and_doses():
    assert find_metric("Thot5mm3") == TemperatureMetric(Hottest(5.0)) and Hottest(5.0).m3 == pytest.approx(5e-9)
    assert find_metric("V42.5C") == HotVolumeMetric(42.5) and find_metric("V42.5C").scale.unit == "%"
    assert find_metric("V60CEM43") == DosedVolumeMetric(60.0) and find_metric("V60CEM43").scale.unit == "%"
    for name in ("Thot0mm3", "V43", "VC", "V43C%"):
        with pytest.raises(InputError):
            find_metric(name)


def test_a_part_of_the_volume_is_at_most_all_of_it():
    with pytest.raises(InputError, match="0 % to 100 %"):
        wish("V43C", 101.0)


def test_regions_taken_as_one_are_one_row_with_their_volumes_together():
    anatomy = mouse()
    both = Goal("limit", ("liver", "tumour"), "T10", 43.0, "at_most", as_one=True)
    rows = resolve([both], anatomy, defaults=False).rows
    assert [row.region for row in rows] == ["liver + tumour"]
    assert rows[0].weights_m3.sum() == pytest.approx(anatomy.volume_m3("liver") + anatomy.volume_m3("tumour"))


def shell(start_mm: float, end_mm: float, region="tumour", **more) -> Goal:
    return Goal("limit", (region,), "Tmax", 43.0, "at_most", shell_m=(1e-3 * start_mm, 1e-3 * end_mm), **more)


def test_a_shell_is_the_tissue_between_two_distances_from_the_surface():
    """The tumour is a slab from 1 to 3 mm across a box of 12 mm: elements 2 to 4 mm beyond lie from 5 to 7 mm."""
    anatomy = mouse()
    row = resolve([shell(2.0, 4.0)], anatomy, defaults=False).rows[0]
    centre = anatomy.centroids_m[np.isin(anatomy.tets, row.nodes).all(axis=1)][:, 0]
    assert row.region == "tumour, shell of 2 to 4 mm"
    assert row.weights_m3.sum() == pytest.approx(2e-3 * 36e-6, rel=0.35)
    assert centre.min() >= 4e-3 and centre.max() <= 8e-3


def test_what_lies_deeper_than_a_distance_is_inside_and_the_rind_is_the_rest():
    anatomy = box(shape=(12, 6, 6), regions={"tumour": lambda c: c[:, 0] < 6e-3})
    deep, rind = resolve([shell(-np.inf, -2.0), shell(-2.0, 0.0)], anatomy, defaults=False).rows
    assert deep.region == "tumour, deeper than 2 mm"
    assert anatomy.points_m[deep.nodes, 0].max() < 5e-3 < anatomy.points_m[rind.nodes, 0].max() + 1e-3
    assert deep.weights_m3.sum() + rind.weights_m3.sum() == pytest.approx(anatomy.volume_m3("tumour"))


def test_tissue_in_a_limited_shell_is_not_everywhere_else():
    anatomy = mouse()
    plain, shelled = (
        next(row for row in resolve([TUMOUR, *more], anatomy).rows if row.region == EVERYWHERE_ELSE)
        for more in ((), (shell(0.0, 5.0),))
    )
    assert anatomy.points_m[plain.nodes, 0].min() < 7.5e-3 < anatomy.points_m[shelled.nodes, 0].min()


def test_a_shell_thinner_than_the_mesh_is_refused_with_the_reason():
    with pytest.raises(InputError, match="thicker than the mesh's edges"):
        resolve([shell(5.01, 5.02)], mouse(), defaults=False)


def test_core_and_everywhere_else_have_no_shell():
    with pytest.raises(InputError, match="has no shell and joins no other"):
        resolve([shell(0.0, 3.0, region="core")], mouse(), defaults=False)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_a_goal_with_a_source_and_fits_the_default_limits(name):
    goals = template(name, "tumour", spared=("liver",))
    assert goals[0].kind == "goal" and goals[0].region == ("tumour",)
    assert all(goal.source.startswith(f"template {name}: ") and len(goal.source) > 25 for goal in goals)
    assert goals[-1].region == ("liver",) and goals[-1].metric == "V43C"
    anatomy = box(regions={"tumour": lambda c: c[:, 0] < 4e-3, "liver": lambda c: c[:, 0] > 11e-3})
    rows = resolve(goals, anatomy).rows
    assert contradictions([row.goal for row in rows], 3600.0, 36.5) == ()


def test_an_unknown_template_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="mild-hyperthermia"):
        template("wild", "tumour")
