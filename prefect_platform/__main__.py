"""`python -m prefect_platform` is the command line."""

from prefect_platform.cli.main import main

if __name__ == "__main__":
    main()
