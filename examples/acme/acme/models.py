"""The app's tables, each marked with the silo that it lives in."""

from django.db import models

from acme.silo import all_silo_model, control_silo_model, region_silo_model

#: The region name that a monolith writes; splitting its database replaces it.
MONOLITH_REGION_NAME = "--monolith--"


@control_silo_model
class User(models.Model):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100)

    def __str__(self):
        return self.email


@control_silo_model
class Organization(models.Model):
    slug = models.SlugField(unique=True, max_length=50)
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(User, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.slug


@control_silo_model
class OrganizationMapping(models.Model):
    """Where an organization's data is, and what its region last said about it."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, related_name="mapping"
    )
    region_name = models.CharField(max_length=50)
    event_count = models.PositiveBigIntegerField(default=0)
    last_event_at = models.DateTimeField(null=True)

    def __str__(self):
        return f"{self.organization} in {self.region_name}"


@region_silo_model
class Project(models.Model):
    # The organization itself is in control, so there is no foreign key.
    organization = models.SlugField(unique=True, max_length=50)
    name = models.CharField(max_length=100)
    public_key = models.CharField(unique=True, max_length=32)

    def __str__(self):
        return self.name


@region_silo_model
class Event(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="events")
    event_id = models.CharField(max_length=32)
    message = models.TextField()
    level = models.CharField(max_length=16)
    platform = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField()
    processed_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "event_id"], name="one_event_per_id")
        ]

    def __str__(self):
        return self.event_id


@all_silo_model
class Heartbeat(models.Model):
    """A part of a silo that has no port, so that its work shows: beat and workers."""

    BEAT = "beat"
    WORKERS = "workers"

    silo = models.CharField(max_length=50)
    part = models.CharField(max_length=16)
    counter = models.PositiveBigIntegerField(default=0)
    at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["silo", "part"], name="one_heartbeat_per_part")
        ]

    def __str__(self):
        return f"{self.part} of {self.silo}: {self.counter}"
