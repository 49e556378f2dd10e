"""The domain: tasks, rewards, regret, selection, metrics. numpy and the standard library only."""
