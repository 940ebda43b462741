"""The Prefect worker of type `platform`: claims flow runs, asks the platform for attempts, reports ends."""
