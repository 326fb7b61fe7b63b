"""Assets: the way of the data as Dagster shows, schedules and re-runs it.

Here: asset factories, checks, jobs, schedules, sensors; each calls one function of pipelines.
Not here: any rule, any SQL. This is the only package that imports dagster.
"""
