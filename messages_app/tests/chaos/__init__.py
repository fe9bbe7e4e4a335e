"""The wall under faults: clients, faults, and a judge over what the clients saw."""
