"""Registration: from a flow object to a version and a deployment. The user's side; imports Prefect."""
