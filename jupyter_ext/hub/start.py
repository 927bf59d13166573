"""What the process of `python -m jupyter_ext.hub` becomes: JupyterHub, without what `jupyter_ext` leaves out."""

from jupyterhub.app import main

if __name__ == "__main__":
    main()
