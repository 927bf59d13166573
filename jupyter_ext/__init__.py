"""What runs in JupyterHub and in single-user servers. Speaks HTTP to the tool, imports none of it."""
