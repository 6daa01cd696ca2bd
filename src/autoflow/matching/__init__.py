"""Whether an event meets a condition. Before it: the gate. After it: the planner."""
